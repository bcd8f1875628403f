using System.Diagnostics;
using System.Numerics.Tensors;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using SjdOnnx.Actions;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Actions;

/// <summary>
/// The language model of a policy. Keys and values of the prompt stay in their places; each pass writes those of its own tokens after them.
/// </summary>
internal sealed class PolicyLanguage : IActionLanguage, IDisposable
{
    private readonly Session _session;
    private readonly NativeTensors _tensors;
    private readonly PolicyManifest _manifest;
    private readonly bool _isCpu;
    private readonly List<NativeTensor> _owned = [];
    private readonly Dictionary<(int Tokens, int Rows), Shaped> _shapes = [];
    private readonly List<(string Past, string Present, NativeTensor Buffer)> _caches = [];
    private readonly OrtAllocator? _allocator;
    private readonly float[] _patches;
    private readonly long[] _ids, _rows, _length = new long[1];
    private readonly int[] _lastIndex = new int[1], _total = new int[1];
    private readonly float[] _logits;
    private readonly List<(string Name, NativeTensor Tensor)> _fixed = [];
    private int _prompt;

    /// <param name="session">The graph. It is disposed with this.</param>
    /// <exception cref="ModelException">The graph does not match model.json.</exception>
    /// <exception cref="InferenceException">There is not enough memory.</exception>
    public PolicyLanguage(Session session, NativeTensors tensors, Provider provider, PolicyManifest manifest, string precision)
    {
        (_session, _tensors, _manifest, _isCpu) = (session, tensors, manifest, provider.IsCpu);
        LanguageSection shape = manifest.Transformer;
        TensorElementType type = shape.Precisions[precision].Cache switch
        {
            "float16" => TensorElementType.Float16,
            "bfloat16" => TensorElementType.BFloat16,
            _ => TensorElementType.Float,
        };
        Check(type);
        int window = manifest.Actions.Chunk * manifest.Actions.Low.Length;
        (_ids, _rows) = (new long[shape.MaxPositions], new long[window]);
        _logits = new float[(long)window * shape.Vocabulary];
        _patches = new float[(long)manifest.Vision.Patches * shape.Hidden];
        try
        {
            _fixed.Add((GraphContract.Condition, Own(tensors.Over(_patches, manifest.Vision.Patches, shape.Hidden))));
            _fixed.Add((GraphContract.PositionOffset, Own(tensors.Over(new long[1], 1))));
            _fixed.Add((GraphContract.LaneLengths, Own(tensors.Over(_length, 1))));
            _fixed.Add((GraphContract.SeqLensK(0), Own(tensors.Over(_lastIndex, 1))));
            _fixed.Add((GraphContract.TotalSequenceLength(0), Own(tensors.Over(_total))));
            if (!_isCpu)
            {
                using OrtMemoryInfo memory = provider.MemoryInfo();
                _allocator = new OrtAllocator(session.Inference, memory);
            }

            for (int layer = 0; layer < shape.Layers; layer++)
            {
                foreach (string kind in (string[])["key", "value"])
                {
                    NativeTensor buffer = Own(tensors.Allocate(
                        _allocator ?? OrtAllocator.DefaultInstance, type, 1, shape.KvHeads, shape.MaxPositions, shape.HeadDim));
                    _caches.Add((GraphContract.Past(layer, 0, kind), GraphContract.Present(layer, 0, kind), buffer));
                }
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Passes since the prompt was read, and that one.</summary>
    public int Passes { get; private set; }

    /// <summary>Time in passes.</summary>
    public TimeSpan Time { get; private set; }

    /// <summary>The picture's patches, [patches × hidden], which <see cref="Read"/> reads.</summary>
    public Span<float> Patches => _patches;

    /// <summary>Reads a prompt into an emptied cache.</summary>
    /// <returns>The most probable next id; null if a logit is not a finite number.</returns>
    public int? Read(ReadOnlySpan<int> prompt, CancellationToken cancellation)
    {
        _prompt = 0;
        Span<int> next = stackalloc int[1];
        bool isFinite = Run(0, prompt, next, cancellation);
        _prompt = prompt.Length;
        return isFinite ? next[0] : null;
    }

    /// <inheritdoc/>
    public bool Predict(int kept, ReadOnlySpan<int> ids, Span<int> following, CancellationToken cancellation) =>
        Run(_prompt + kept, ids, following, cancellation);

    public void Dispose()
    {
        foreach (Shaped shaped in _shapes.Values)
            shaped.Dispose();
        foreach (NativeTensor tensor in _owned)
            tensor.Dispose();
        _allocator?.Dispose();
        _session.Dispose();
    }

    /// <summary>Reads ids after the first tokens of the cache, and predicts after the last of them.</summary>
    private bool Run(int before, ReadOnlySpan<int> ids, Span<int> next, CancellationToken cancellation)
    {
        for (int i = 0; i < ids.Length; i++)
            _ids[i] = ids[i];
        for (int i = 0; i < next.Length; i++)
            _rows[i] = ids.Length - next.Length + i;
        (_length[0], _total[0]) = (ids.Length, before + ids.Length);
        _lastIndex[0] = _total[0] - 1;
        Shaped shaped = ShapeOf(ids.Length, next.Length);
        if (!_isCpu)
            shaped.BindInputs(); // ONNX Runtime copies them to the device when they are bound
        long start = Stopwatch.GetTimestamp();
        _session.Run(shaped.Binding, cancellation);
        Time += Stopwatch.GetElapsedTime(start);
        Passes++;
        int vocabulary = _manifest.Transformer.Vocabulary;
        for (int i = 0; i < next.Length; i++)
        {
            ReadOnlySpan<float> logits = _logits.AsSpan(i * vocabulary, vocabulary);
            if (!TensorPrimitives.IsFiniteAll<float>(logits))
                return false;
            next[i] = TensorPrimitives.IndexOfMax(logits);
        }

        return true;
    }

    private Shaped ShapeOf(int tokens, int rows)
    {
        if (_shapes.TryGetValue((tokens, rows), out Shaped? known))
            return known;
        if (_shapes.Count > 64) // prompts of many lengths
        {
            foreach (Shaped old in _shapes.Values)
                old.Dispose();
            _shapes.Clear();
        }

        (string, NativeTensor)[] inputs =
        [
            .. _fixed, (GraphContract.InputIds, _tensors.Over(_ids, 1, tokens)), (GraphContract.LogitsRows, _tensors.Over(_rows, rows)),
        ];
        var shaped = new Shaped(
            _session.Inference.CreateIoBinding(), inputs, _tensors.Over(_logits, 1, rows, _manifest.Transformer.Vocabulary));
        _shapes.Add((tokens, rows), shaped);
        shaped.BindInputs();
        shaped.Binding.BindOutput(GraphContract.Logits, shaped.Logits.Value);
        foreach ((string past, string present, NativeTensor buffer) in _caches)
        {
            shaped.Binding.BindInput(past, buffer.Value);
            shaped.Binding.BindOutput(present, buffer.Value);
        }

        return shaped;
    }

    private void Check(TensorElementType cache)
    {
        LanguageSection shape = _manifest.Transformer;
        var graph = new Graph(_session.File, _session.Inference.InputMetadata, _session.Inference.OutputMetadata);
        graph.RequireInput("a language model", GraphContract.InputIds, TensorElementType.Int64, 1, Graph.Any);
        graph.RequireInput("a language model", GraphContract.LaneLengths, TensorElementType.Int64, 1);
        graph.RequireInput("a language model", GraphContract.LogitsRows, TensorElementType.Int64, Graph.Any);
        graph.RequireInput("a language model", GraphContract.SeqLensK(0), TensorElementType.Int32, 1);
        graph.RequireInput("a language model", GraphContract.TotalSequenceLength(0), TensorElementType.Int32);
        graph.RequireInput("a language model", GraphContract.PositionOffset, TensorElementType.Int64, 1);
        graph.RequireInput($"{shape.Hidden} channels", GraphContract.Condition, TensorElementType.Float, Graph.Any, shape.Hidden);
        string heads = $"{shape.Layers} layers with {shape.KvHeads} key/value heads of {shape.HeadDim}";
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            foreach (string kind in (string[])["key", "value"])
            {
                int[] size = [1, shape.KvHeads, Graph.Any, shape.HeadDim];
                graph.RequireInput(heads, GraphContract.Past(layer, 0, kind), cache, size);
                graph.RequireOutput(heads, GraphContract.Present(layer, 0, kind), cache, size);
            }
        }

        graph.RequireOutput(
            $"a vocabulary of {shape.Vocabulary}", GraphContract.Logits, TensorElementType.Float, 1, Graph.Any, shape.Vocabulary);
        graph.RequireNoOtherInput(heads);
    }

    private NativeTensor Own(NativeTensor tensor)
    {
        _owned.Add(tensor);
        return tensor;
    }

    /// <summary>The tensors of passes of one shape. Those of <see cref="_fixed"/> are not its own.</summary>
    private sealed class Shaped(OrtIoBinding binding, (string Name, NativeTensor Tensor)[] inputs, NativeTensor logits) : IDisposable
    {
        private const int Own = 2; // inputs at the end

        public OrtIoBinding Binding => binding;

        public NativeTensor Logits => logits;

        public void BindInputs()
        {
            foreach ((string name, NativeTensor tensor) in inputs)
                binding.BindInput(name, tensor.Value);
        }

        public void Dispose()
        {
            binding.Dispose();
            foreach ((_, NativeTensor tensor) in inputs[^Own..])
                tensor.Dispose();
            logits.Dispose();
        }
    }
}
