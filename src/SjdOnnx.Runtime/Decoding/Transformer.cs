using System.Numerics;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Native;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>
/// The transformer: its graphs, which are opened when they are first needed, and a cache for each picture, which grows to the largest
/// request and is reused by those after it.
/// </summary>
/// <param name="open">Opens the graph of so many pictures, or of one whose tokens form trees.</param>
internal sealed class Transformer(
    Manifest manifest, string precision, Provider provider, NativeTensors tensors, Func<int, bool, Session> open)
    : IForwardPass, IDisposable
{
    private readonly PrecisionSection _precision = manifest.Transformer.Precisions[precision];
    private readonly List<TransformerGraph> _graphs = []; // by pictures
    private readonly List<KeyValueCache?> _caches = []; // by slot
    private readonly PromptedTransformer?[] _fed = new PromptedTransformer?[ManifestRules.MostPictures];
    private TransformerGraph? _tree;
    private KeyValueCache? _idle;
    private ulong _slots;
    private (int Tokens, int Rows) _reserved;

    /// <summary>Sequences of one picture.</summary>
    public int Lanes => manifest.Transformer.Lanes;

    public int Codes => manifest.Layout.Codes;

    /// <summary>One of its graphs that is open.</summary>
    public Session OpenGraph => _graphs[0].Session;

    /// <summary>Time spent inside ONNX Runtime.</summary>
    public TimeSpan TimeInRun
    {
        get
        {
            TimeSpan sum = _tree?.Session.TimeInRun ?? TimeSpan.Zero;
            foreach (TransformerGraph graph in _graphs)
                sum += graph.Session.TimeInRun;
            return sum;
        }
    }

    /// <summary>How many pictures the smallest graph has that holds <paramref name="pictures"/>; if there is none, the largest.</summary>
    public int SizeFor(int pictures)
    {
        int[] sizes = [1, .. _precision.Batches.Keys.Order()];
        return sizes.FirstOrDefault(size => size >= pictures, sizes[^1]);
    }

    /// <summary>Opens a graph that holds <paramref name="pictures"/>, or if there is none the largest.</summary>
    /// <returns>How many pictures a pass can now have: at most <paramref name="pictures"/>.</returns>
    /// <exception cref="ModelException">The graph cannot be opened, or is not what model.json says.</exception>
    public int Open(int pictures)
    {
        int size = SizeFor(pictures);
        if (_graphs.All(graph => graph.Pictures != size))
        {
            _graphs.Add(Open(size, tree: false));
            _graphs.Sort(static (a, b) => a.Pictures.CompareTo(b.Pictures));
        }

        return Math.Min(pictures, size);
    }

    /// <summary>Opens the graph in which the new tokens of a picture may form a tree.</summary>
    /// <inheritdoc cref="Open(int)"/>
    public void OpenTree() => _tree ??= Open(1, tree: true);

    /// <summary>The model with this prompt, ready for a picture. It has the cache of its slot: one at a time.</summary>
    /// <param name="windowSize">The most drafts in a pass.</param>
    /// <param name="branches">The most codes beside the drafts in a pass.</param>
    /// <param name="denoisingSteps">Steps from noise to a code; 0 where no noise is read.</param>
    /// <param name="slot">Which of the pictures that are drawn together, from 0.</param>
    /// <param name="inPairs">Whether to round alike whatever the number of drafts: see <see cref="PromptedTransformer"/>.</param>
    public PromptedTransformer With(
        Prompt prompt, TokenLayout layout, int windowSize, int branches = 0, int denoisingSteps = 0, int slot = 0, bool inPairs = false)
    {
        int longest = Math.Max(prompt.Conditional.Length, prompt.Unconditional.Length);
        int drafts = Math.Min(windowSize, layout.LastCode);
        // A pass reads the code just committed, the structure that followed it, the drafts and the branches; and once more what was
        // committed of the pass before without having been a draft of it.
        int tokens = 1 + layout.RowSuffix.Count + drafts + branches + drafts;
        if (branches > 0)
            OpenTree();
        Reserve(Math.Max(longest, tokens + 1), 1 + drafts + branches);
        NoisyEmbeddings? noise = denoisingSteps == 0 ? null : new NoisyEmbeddings(new NoiseSchedule(manifest.Denoising!), denoisingSteps, tokens);
        return new PromptedTransformer(this, prompt, slot, CacheOf(slot, longest + layout.Length + branches), tokens, noise, inPairs);
    }

    /// <summary>Has the next pass bring this picture further.</summary>
    public void Enter(PromptedTransformer picture)
    {
        _fed[picture.Slot] = picture;
        _slots |= 1UL << picture.Slot;
    }

    /// <inheritdoc/>
    public void Run(CancellationToken cancellationToken)
    {
        (ulong slots, _slots) = (_slots, 0);
        TransformerGraph graph = GraphFor(slots);
        if (graph.Pictures > BitOperations.PopCount(slots))
            _idle ??= NewCache(positions: 1);
        graph.Run(_fed, slots, _idle, cancellationToken);
    }

    public void Dispose()
    {
        // Bindings hold the addresses of the caches, and these may lie in memory of a session.
        foreach (TransformerGraph graph in AllGraphs())
            graph.Unbind();
        foreach (KeyValueCache? cache in _caches)
            cache?.Dispose();
        _idle?.Dispose();
        foreach (TransformerGraph graph in AllGraphs())
            graph.Dispose();
    }

    private IEnumerable<TransformerGraph> AllGraphs() => _tree is null ? _graphs : _graphs.Append(_tree);

    private TransformerGraph Open(int pictures, bool tree)
    {
        Session session = open(pictures, tree);
        try
        {
            GraphContract.CheckTransformer(session, manifest, _precision, pictures, tree);
        }
        catch
        {
            session.Dispose();
            throw;
        }

        int places = 2 * (manifest.TextEncoder?.Places ?? 0);
        int noiseChannels = manifest.Denoising?.Hidden ?? 0;
        var graph = new TransformerGraph(tensors, session, Lanes, Codes, pictures, tree, places, noiseChannels, sharesMemory: provider.IsCpu);
        graph.Reserve(_reserved.Tokens, _reserved.Rows);
        return graph;
    }

    /// <summary>The smallest of the open graphs that hold these pictures.</summary>
    private TransformerGraph GraphFor(ulong slots)
    {
        int pictures = BitOperations.PopCount(slots);
        if (!_fed[BitOperations.TrailingZeroCount(slots)]!.IsChain)
            return _tree!;

        foreach (TransformerGraph graph in _graphs)
        {
            if (graph.Pictures >= pictures)
                return graph;
        }

        throw new InvalidOperationException($"{pictures} pictures were fed; the largest graph that is open holds {_graphs[^1].Pictures}.");
    }

    private void Reserve(int tokens, int rows)
    {
        _reserved = (Math.Max(tokens, _reserved.Tokens), Math.Max(rows, _reserved.Rows));
        foreach (TransformerGraph graph in AllGraphs())
            graph.Reserve(_reserved.Tokens, _reserved.Rows);
    }

    private KeyValueCache CacheOf(int slot, int positions)
    {
        while (_caches.Count <= slot)
            _caches.Add(null);
        if (_caches[slot] is { } cache && cache.Capacity >= positions)
            return cache;

        // Bindings hold the addresses of the caches, so they go first.
        foreach (TransformerGraph graph in AllGraphs())
            graph.Unbind();
        _caches[slot]?.Dispose();
        _caches[slot] = null;
        return _caches[slot] = NewCache(positions);
    }

    private KeyValueCache NewCache(int positions)
    {
        TensorElementType type = GraphContract.CacheType(_precision);
        if (provider.IsCpu)
            return new KeyValueCache(tensors, OrtAllocator.DefaultInstance, manifest.Transformer, type, positions);
        using var memory = new OrtMemoryInfo(provider.MemoryName, OrtAllocatorType.DeviceAllocator, 0, OrtMemType.Default);
        using var allocator = new OrtAllocator(AllGraphs().First().Session.Inference, memory);
        return new KeyValueCache(tensors, allocator, manifest.Transformer, type, positions);
    }
}
