using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Transformers;

/// <summary>What a graph of the transformer reads.</summary>
/// <param name="Lanes">
/// Lanes in a pass. Those that no image needs read tokens whose logits nobody reads, because attention does not accept none.
/// </param>
/// <param name="LanesOfImage">Lanes of one image.</param>
/// <param name="IsTree">Whether the new tokens of an image may form a tree.</param>
/// <param name="ConditionRows">The most vectors of a text encoder; 0 where there is none.</param>
/// <param name="NoiseChannels">Channels of an embedding that can be noise; 0 where the graph reads none.</param>
/// <param name="MaxPositions">The most tokens of a lane.</param>
internal sealed record TransformerInputs(
    int Lanes, int LanesOfImage, int Codes, bool IsTree, int ConditionRows, int NoiseChannels, int MaxPositions);

/// <summary>
/// One graph of the transformer, with the tensors of a pass other than the caches, and a binding for each shape of pass. All shapes use the
/// same memory, so a pass of a known shape allocates nothing.
/// </summary>
/// <param name="captures">Whether the session can capture passes.</param>
internal sealed class TransformerGraph(PassMemory memory, Session session, TransformerInputs inputs, bool captures) : IDisposable
{
    /// <summary>A binding refers to every tensor of every lane, and images at different positions form many shapes.</summary>
    private const int MaxBindings = 256;

    private readonly Dictionary<Shape, Binding> _bindings = [];
    private readonly CapturedPasses? _captured = captures ? new CapturedPasses(session) : null;
    private (int Tokens, int Rows) _capacity;
    private PassBuffers? _buffers;

    public int Lanes => inputs.Lanes;

    public Session Session => session;

    /// <summary>The passes that the device has captured; null if it captures none.</summary>
    public CapturedPasses? Captured => _captured;

    /// <summary>Makes room for passes of this size.</summary>
    /// <param name="tokens">The most new tokens of a lane.</param>
    /// <param name="rows">The most rows of logits of a lane.</param>
    public void Reserve(int tokens, int rows)
    {
        if (_buffers is not null && _capacity.Tokens >= tokens && _capacity.Rows >= rows)
            return;

        (int Tokens, int Rows) wanted = (Math.Max(tokens, _capacity.Tokens), Math.Max(rows, _capacity.Rows));
        int hidden = inputs.ConditionRows == 0 ? 0 : session.Inference.InputMetadata[GraphContract.Condition].Dimensions[1];
        PassBuffers buffers;
        try
        {
            buffers = new PassBuffers(
                memory, Lanes, wanted.Tokens, wanted.Rows, inputs.Codes, inputs.IsTree, inputs.ConditionRows, hidden, inputs.NoiseChannels);
        }
        catch (Exception error) when (error is OutOfMemoryException or OverflowException)
        {
            throw new InferenceException(
                $"There is not enough memory for passes of {wanted.Rows} rows of logits in {Lanes} lanes. Choose a smaller window, or " +
                "draw fewer images at once (MaxBatch).", error);
        }

        Unbind();
        _buffers?.Dispose();
        (_buffers, _capacity) = (buffers, wanted);
    }

    /// <summary>Forgets all bindings, and so the addresses of the caches.</summary>
    public void Unbind()
    {
        foreach (Binding binding in _bindings.Values)
            binding.Dispose();
        _bindings.Clear();
    }

    /// <summary>Runs one pass.</summary>
    /// <param name="lanes">1 to <see cref="Lanes"/> lanes, by place.</param>
    /// <param name="idle">The cache of the other lanes of the graph. They share it, because they all write the same.</param>
    public void Run(ReadOnlySpan<PassLane> lanes, KeyValueCache? idle, CancellationToken cancellation)
    {
        PassBuffers buffers = _buffers!;
        (int padded, int rows) = PaddedSize(lanes, idle);
        buffers.Begin(rows);
        UInt128 places = 0;
        foreach (PassLane lane in lanes)
        {
            if (padded > 0 && lane.Index == 0)
                lane.Entry.PadTo(padded);
            buffers.Add(lane, MaxLength(lane.Entry.Cache));
            places |= UInt128.One << ((lane.Entry.Cache.Place * inputs.LanesOfImage) + lane.Index);
        }

        while (buffers.Lanes < Lanes)
            buffers.AddIdleLane(Math.Max(1, padded), MaxLength(idle!));

        var shape = new Shape(
            buffers.Tokens, buffers.Rows, places, buffers.ReadsNoise, padded > 0,
            padded > 0 ? lanes[0].Entry.Condition?.UnusedPlaces : null);
        if (!_bindings.TryGetValue(shape, out Binding? binding))
            binding = Bind(shape, lanes, idle);
        if (memory.CopiesWhenBound)
            BindInputs(binding);
        buffers.Send();
        if (_captured is null)
            session.Run(binding.Io, cancellation);
        else
            _captured.Run(binding.Io, buffers, binding.Capture, cancellation);
        buffers.Receive();
    }

    /// <summary>Hands out what the last pass computed, which several threads must not do at once.</summary>
    /// <param name="lanes">The lanes of the pass.</param>
    public void HandOut(ReadOnlySpan<PassLane> lanes) => _buffers!.HandOut(lanes);

    public void Dispose()
    {
        Unbind();
        _buffers?.Dispose();
        session.Dispose();
        _captured?.Dispose();
    }

    /// <summary>Tokens and rows of every lane of a captured pass; 0 if the pass is not captured.</summary>
    private (int Tokens, int Rows) PaddedSize(ReadOnlySpan<PassLane> lanes, KeyValueCache? idle)
    {
        if (_captured is not { AreRight: true })
            return (0, 0);

        (int tokens, int rows) = (0, 0);
        foreach ((PassEntry entry, _) in lanes)
        {
            if (entry.IsPrefill)
                return (0, 0);
            (tokens, rows) = (Math.Max(tokens, entry.MaxTokens), Math.Max(rows, entry.Rows));
        }

        (tokens, rows) = (CapturedPasses.SizeFor(tokens), CapturedPasses.SizeFor(rows));
        bool fits = tokens <= _capacity.Tokens && rows <= _capacity.Rows && (lanes.Length == Lanes || tokens < MaxLength(idle!));
        foreach ((PassEntry entry, _) in lanes)
            fits &= entry.MaxLength - entry.MaxTokens + tokens <= MaxLength(entry.Cache);
        return fits ? (tokens, rows) : (0, 0);
    }

    /// <summary>The longest that a lane can be: the cache is rounded up and may have more room than there are positions.</summary>
    private int MaxLength(KeyValueCache cache) => Math.Min(cache.Capacity, inputs.MaxPositions);

    private void BindInputs(Binding binding)
    {
        foreach ((string name, NativeTensor tensor) in _buffers!.OfFixedShape)
            binding.Io.BindInput(name, tensor.Value);
        foreach ((string name, NativeTensor tensor) in binding.Shaped.Inputs)
            binding.Io.BindInput(name, tensor.Value);
    }

    private Binding Bind(Shape shape, ReadOnlySpan<PassLane> lanes, KeyValueCache? idle)
    {
        if (_bindings.Count >= MaxBindings)
            Unbind();
        ShapedTensors shaped = _buffers!.Shaped(shape.Tokens, shape.Rows, shape.ReadsNoise);
        var binding = new Binding(session.Inference.CreateIoBinding(), shaped, shape.IsCaptured ? _captured!.Add() : null);
        try
        {
            BindInputs(binding);
            foreach ((string name, NativeTensor tensor) in binding.Shaped.Outputs)
                binding.Io.BindOutput(name, tensor.Value);
            for (int lane = 0; lane < lanes.Length; lane++)
                lanes[lane].Entry.Cache.BindTo(binding.Io, lanes[lane].Index, lane);
            for (int lane = lanes.Length; lane < Lanes; lane++)
                idle!.BindTo(binding.Io, lane % inputs.LanesOfImage, lane);
        }
        catch
        {
            binding.Dispose();
            throw;
        }

        _bindings.Add(shape, binding);
        return binding;
    }

    /// <summary>Passes of equal shape can share a binding.</summary>
    /// <param name="Places">Bit i: whether lane i takes part, counted over all places.</param>
    /// <param name="IsCaptured">Whether the pass is captured.</param>
    /// <param name="PositionOffset">Of a captured pass, which keeps what is read on the host.</param>
    private readonly record struct Shape(
        int Tokens, int Rows, UInt128 Places, bool ReadsNoise, bool IsCaptured, int? PositionOffset);

    private sealed record Binding(OrtIoBinding Io, ShapedTensors Shaped, CapturedPasses.Capture? Capture) : IDisposable
    {
        public void Dispose()
        {
            Io.Dispose();
            Shaped.Dispose();
        }
    }
}
