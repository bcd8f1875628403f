using System.Numerics.Tensors;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Thoughts;

namespace SjdOnnx.Runtime.Thoughts;

/// <summary>The transformer of a model that thinks, with its cache of keys and values. Not thread-safe.</summary>
internal sealed class ThoughtGraph : IThinkingModel, IDisposable
{
    private const string Embeddings = "embeddings";
    private const string Thoughts = "thoughts";

    private readonly ThoughtSection _thought;
    private readonly Session _session;
    private readonly NativeTensors _tensors;
    private readonly OrtIoBinding _binding;
    private readonly string[] _parts;
    private readonly float[][] _cache; // by part: [places × key/value heads × channels of a head], the first Cached of them are in use

    /// <param name="thought">The sizes in model.json.</param>
    /// <param name="session">The graph. This object disposes of it.</param>
    /// <param name="tensors">Counts the native tensors.</param>
    /// <exception cref="ModelException">The graph does not match the sizes.</exception>
    public ThoughtGraph(ThoughtSection thought, Session session, NativeTensors tensors)
    {
        (_thought, _session, _tensors) = (thought, session, tensors);
        _parts = [.. Enumerable.Range(0, thought.Layers).SelectMany(static layer => (string[])[$"{layer}.key", $"{layer}.value"])];
        _cache = [.. _parts.Select(static _ => new float[1])];
        CheckGraph();
        _binding = session.Inference.CreateIoBinding();
    }

    public int Width => _thought.Hidden;

    public int Cached { get; private set; }

    private int RowNumbers => _thought.KvHeads * _thought.HeadDim;

    public void ReadTokens(ReadOnlySpan<int> ids, Span<float> thoughts, Span<int> likeliest, CancellationToken cancellation) =>
        Run(ids, [], thoughts, likeliest, cancellation);

    public void ReadThoughts(ReadOnlySpan<float> embeddings, Span<float> thoughts, Span<int> likeliest, CancellationToken cancellation) =>
        Run([], embeddings, thoughts, likeliest, cancellation);

    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Cached);
        Cached = length;
    }

    public void Dispose()
    {
        _binding.Dispose();
        _session.Dispose();
    }

    private void Run(
        ReadOnlySpan<int> ids, ReadOnlySpan<float> embeddings, Span<float> thoughts, Span<int> likeliest, CancellationToken cancellation)
    {
        int rows = ids.Length + (embeddings.Length / Width);
        long[] tokens = AtLeastOne(new long[ids.Length]), wanted = AtLeastOne(new long[likeliest.Length]);
        for (int i = 0; i < ids.Length; i++)
            tokens[i] = ids[i];
        for (int i = 0; i < likeliest.Length; i++)
            wanted[i] = rows - likeliest.Length + i;

        var inputs = new List<NativeTensor>();
        try
        {
            Bind(GraphContract.InputIds, tokens, 1, ids.Length);
            Bind(Embeddings, AtLeastOne(embeddings.ToArray()), 1, embeddings.Length / Width, Width);
            Bind(GraphContract.LogitsRows, wanted, likeliest.Length);
            for (int i = 0; i < _parts.Length; i++)
                Bind($"past.{_parts[i]}", _cache[i], 1, Cached, _thought.KvHeads, _thought.HeadDim);
            foreach (string output in (string[])[Thoughts, GraphContract.Logits, .. _parts.Select(static part => $"present.{part}")])
                _binding.BindOutputToDevice(output, OrtMemoryInfo.DefaultInstance);
            _session.Run(_binding, cancellation);
            Take(rows, thoughts, likeliest);
        }
        finally
        {
            _binding.ClearBoundInputs();
            _binding.ClearBoundOutputs();
            foreach (NativeTensor input in inputs)
                input.Dispose();
        }

        void Bind<T>(string name, T[] values, params long[] shape) where T : unmanaged
        {
            inputs.Add(_tensors.Over(values, shape));
            _binding.BindInput(name, inputs[^1].Value);
        }
    }

    /// <summary>Memory for a tensor, which ONNX Runtime needs even for one without elements.</summary>
    private static T[] AtLeastOne<T>(T[] values) => values.Length > 0 ? values : new T[1];

    /// <summary>Takes what the graph computed, and appends the new keys and values to the cache.</summary>
    private void Take(int rows, Span<float> thoughts, Span<int> likeliest)
    {
        using IDisposableReadOnlyCollection<OrtValue> outputs = _binding.GetOutputValues();
        if (thoughts.Length > 0)
            outputs[0].GetTensorDataAsSpan<float>().CopyTo(thoughts);
        ReadOnlySpan<float> logits = outputs[1].GetTensorDataAsSpan<float>();
        for (int i = 0; i < likeliest.Length; i++)
        {
            ReadOnlySpan<float> row = logits.Slice(i * _thought.Vocabulary, _thought.Vocabulary);
            likeliest[i] = TensorPrimitives.IndexOfMax(row); // a NaN counts as the largest
            if (!float.IsFinite(row[likeliest[i]]))
                throw new NotFiniteNumberException($"The model computed a logit that is no finite number after place {Cached + rows - 1}.");
        }

        for (int i = 0; i < _parts.Length; i++)
        {
            int used = Cached * RowNumbers;
            ReadOnlySpan<float> added = outputs[2 + i].GetTensorDataAsSpan<float>();
            if (_cache[i].Length < used + added.Length)
                Array.Resize(ref _cache[i], Math.Max(2 * _cache[i].Length, used + added.Length));
            added.CopyTo(_cache[i].AsSpan(used));
        }

        Cached += rows;
    }

    private void CheckGraph()
    {
        var graph = new Graph(_session.File, _session.Inference.InputMetadata, _session.Inference.OutputMetadata);
        string sizes = $"{_thought.Layers} layers with {_thought.KvHeads} key/value heads of {_thought.HeadDim}, " +
            $"{_thought.Hidden} numbers in a thought and a vocabulary of {_thought.Vocabulary}";
        graph.RequireInput(sizes, GraphContract.InputIds, TensorElementType.Int64, 1, Graph.Any);
        graph.RequireInput(sizes, Embeddings, TensorElementType.Float, 1, Graph.Any, Width);
        graph.RequireInput(sizes, GraphContract.LogitsRows, TensorElementType.Int64, Graph.Any);
        graph.RequireOutput(sizes, Thoughts, TensorElementType.Float, 1, Graph.Any, Width);
        graph.RequireOutput(sizes, GraphContract.Logits, TensorElementType.Float, 1, Graph.Any, _thought.Vocabulary);
        foreach (string part in _parts)
        {
            graph.RequireInput(sizes, $"past.{part}", TensorElementType.Float, 1, Graph.Any, _thought.KvHeads, _thought.HeadDim);
            graph.RequireOutput(sizes, $"present.{part}", TensorElementType.Float, 1, Graph.Any, _thought.KvHeads, _thought.HeadDim);
        }

        graph.RequireNoOtherInput(sizes);
        GraphContract.CheckPositions(_session, "thought.maxPositions", _thought.MaxPositions);
    }
}
