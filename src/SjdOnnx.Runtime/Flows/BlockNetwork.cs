using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Flows;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Flows;

/// <summary>
/// The graph of a block, with one of the two caches. Each layer's cache is bound as past and as present, so the graph writes its rows in
/// place: a run overwrites those of its positions, and nothing is ever copied or cleared.
/// </summary>
/// <param name="session">The open graph; other networks may use it too, one at a time.</param>
/// <param name="memory">What all blocks share.</param>
/// <param name="cache">Which of the caches: 0 for runs with a class, 1 for runs without one.</param>
internal sealed class BlockNetwork(Session session, FlowMemory memory, int cache) : IFlowBlock, IDisposable
{
    private readonly long[] _class = new long[1];
    private readonly float[] _inverseTemperature = [1];
    private readonly int[] _seqLensK = new int[1];
    private readonly int[] _total = new int[1];
    private readonly Dictionary<int, Binding> _bindings = []; // by rows

    public int Tokens => memory.Flow.Tokens;

    public int Channels => memory.Flow.Channels;

    /// <summary>The number of a class; the number of classes for none.</summary>
    public int Class
    {
        get => (int)_class[0];
        set => _class[0] = value;
    }

    /// <summary>The temperature of attention, above 0.</summary>
    public float Temperature
    {
        get => 1 / _inverseTemperature[0];
        set => _inverseTemperature[0] = 1 / value;
    }

    public void Run(int first, ReadOnlySpan<float> rows, Span<float> scale, Span<float> shift, CancellationToken cancellation)
    {
        int count = rows.Length / Channels;
        rows.CopyTo(memory.Tokens);
        for (int i = 0; i < count; i++)
            memory.Positions[i] = first + i;
        (_seqLensK[0], _total[0]) = (first + count - 1, first + count);
        if (!_bindings.TryGetValue(count, out Binding? binding))
            _bindings.Add(count, binding = Bind(count));
        else if (memory.CopiesWhenBound)
            binding.BindInputs();
        session.Run(binding.Io, cancellation);
        memory.Scale.AsSpan(..rows.Length).CopyTo(scale);
        memory.Shift.AsSpan(..rows.Length).CopyTo(shift);
    }

    public void Dispose()
    {
        foreach (Binding binding in _bindings.Values)
            binding.Dispose();
        _bindings.Clear();
    }

    private Binding Bind(int rows)
    {
        var binding = new Binding(session.Inference.CreateIoBinding(),
        [
            (FlowGraph.Tokens, memory.Over(memory.Tokens, 1, rows, Channels)),
            (FlowGraph.Positions, memory.Over(memory.Positions, rows)),
            (FlowGraph.Class, memory.Over(_class, 1)),
            (FlowGraph.InverseTemperature, memory.Over(_inverseTemperature, 1)),
            (FlowGraph.SeqLensK, memory.Over(_seqLensK, 1)),
            (FlowGraph.TotalSequenceLength, memory.Over(_total)),
        ],
        [
            (FlowGraph.Scale, memory.Over(memory.Scale, 1, rows, Channels)),
            (FlowGraph.Shift, memory.Over(memory.Shift, 1, rows, Channels)),
        ]);
        for (int i = 0; i < memory.Caches[cache].Count; i++)
        {
            (int layer, string kind) = (i / FlowGraph.Kinds.Length, FlowGraph.Kinds[i % FlowGraph.Kinds.Length]);
            binding.Io.BindInput(FlowGraph.Past(layer, kind), memory.Caches[cache][i].Value);
            binding.Io.BindOutput(FlowGraph.Present(layer, kind), memory.Caches[cache][i].Value);
        }

        return binding;
    }

    /// <summary>The tensors of passes of one length.</summary>
    private sealed class Binding : IDisposable
    {
        private readonly (string Name, NativeTensor Tensor)[] _inputs;
        private readonly (string Name, NativeTensor Tensor)[] _outputs;

        public Binding(OrtIoBinding io, (string Name, NativeTensor Tensor)[] inputs, (string Name, NativeTensor Tensor)[] outputs)
        {
            (Io, _inputs, _outputs) = (io, inputs, outputs);
            BindInputs();
            foreach ((string name, NativeTensor tensor) in outputs)
                io.BindOutput(name, tensor.Value);
        }

        public OrtIoBinding Io { get; }

        public void BindInputs()
        {
            foreach ((string name, NativeTensor tensor) in _inputs)
                Io.BindInput(name, tensor.Value);
        }

        public void Dispose()
        {
            Io.Dispose();
            foreach ((_, NativeTensor tensor) in _inputs.Concat(_outputs))
                tensor.Dispose();
        }
    }
}
