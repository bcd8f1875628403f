using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Transformers;

/// <summary>
/// The transformer. Its graphs are opened when they are first needed. Each place has a cache, which grows to the largest image and is
/// reused by those after it.
/// </summary>
/// <param name="open">Opens the graph for a number of images, or the graph for one image whose tokens form a tree.</param>
/// <param name="device">Where the provider computes, if this engine copies its inputs and outputs; the transformer disposes it.</param>
internal sealed class Transformer(
    Manifest manifest, string precision, Provider provider, NativeTensors tensors, IDeviceStream? device, Func<int, bool, Session> open)
    : IForwardPass, IDisposable
{
    private readonly PrecisionSection _precision = manifest.Transformer.Precisions[precision];
    private readonly PassMemory _memory = new(tensors, provider, device);
    private readonly List<TransformerGraph> _graphs = []; // by images
    private readonly List<KeyValueCache?> _caches = []; // by place
    private readonly List<PassEntry> _fed = []; // by place
    private TransformerGraph? _tree;
    private KeyValueCache? _idle;
    private OrtAllocator? _allocator; // the caches' memory returns to it, so it is disposed after them
    private (int Tokens, int Rows) _reserved;

    /// <summary>Sequences of one image.</summary>
    public int Lanes => manifest.Transformer.Lanes;

    public int Codes => manifest.Layout.Codes;

    /// <summary>One of its graphs that is open.</summary>
    public Session OpenGraph => _graphs[0].Session;

    /// <summary>Whether all passes should be run by one thread, because captures belong to the thread that made them.</summary>
    public bool BelongsToThread => provider.Captures;

    /// <summary>Passes that were run.</summary>
    public int Passes { get; private set; }

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

    /// <summary>Time spent in copies between host and device; zero where ONNX Runtime makes them, or none are needed.</summary>
    public TimeSpan TimeInTransfers => _memory.TimeInTransfers;

    /// <summary>The passes that the device has captured, by graph.</summary>
    public IEnumerable<CapturedPasses> Captured => AllGraphs().Select(static graph => graph.Captured).OfType<CapturedPasses>();

    /// <summary>The most images in a pass.</summary>
    public int MaxImages => _precision.Batches.Keys.DefaultIfEmpty(1).Max();

    /// <summary>The images of the smallest graph that holds <paramref name="images"/>; if there is none, of the largest graph.</summary>
    public int SizeFor(int images)
    {
        int[] sizes = [1, .. _precision.Batches.Keys.Order()];
        return sizes.FirstOrDefault(size => size >= images, sizes[^1]);
    }

    /// <summary>Opens a graph that holds <paramref name="images"/>; if there is none, the largest graph.</summary>
    /// <exception cref="ModelException">The graph cannot be opened, or does not match model.json.</exception>
    public void Open(int images)
    {
        int size = SizeFor(images);
        if (_graphs.Any(graph => graph.Images == size))
            return;
        _graphs.Add(Open(size, tree: false));
        _graphs.Sort(static (a, b) => a.Images.CompareTo(b.Images));
    }

    /// <summary>Tokens of a lane, or rows of logits, to which a pass of so many may be padded.</summary>
    public int Padded(int count) => provider.Captures ? CapturedPasses.SizeFor(count) : count;

    /// <summary>The cache of a place, large enough for an image, and room for its passes.</summary>
    /// <param name="place">Which of the images that are drawn together, from 0.</param>
    /// <param name="positions">The longest lane in tokens, prompt included.</param>
    /// <param name="tokens">The most new tokens of a lane in a pass.</param>
    /// <param name="rows">The most rows of logits of a lane in a pass.</param>
    /// <param name="tree">Whether the new tokens may form a tree.</param>
    public KeyValueCache Prepare(int place, int positions, int tokens, int rows, bool tree)
    {
        if (tree)
            _tree ??= Open(1, tree: true);
        (int Tokens, int Rows) wanted = (Math.Max(tokens, _reserved.Tokens), Math.Max(rows, _reserved.Rows));
        foreach (TransformerGraph graph in AllGraphs())
            graph.Reserve(wanted.Tokens, wanted.Rows);
        _reserved = wanted;
        int padding = provider.Captures ? tokens / 2 : 0; // each size of captured passes is at most twice the one before
        return CacheOf(place, Math.Max(positions, Math.Min(positions + padding, manifest.Transformer.MaxPositions)));
    }

    /// <summary>Noisy embeddings for one image.</summary>
    /// <param name="steps">From noise to a code, 1 or more.</param>
    /// <param name="max">The most positions read in a pass.</param>
    public NoisyEmbeddings Noise(int steps, int max) => new(new NoiseSchedule(manifest.Denoising!), steps, max);

    /// <summary>Adds an image to the next pass.</summary>
    public void Enter(PassEntry entry)
    {
        int index = _fed.Count;
        while (index > 0 && _fed[index - 1].Cache.Place > entry.Cache.Place)
            index--;
        _fed.Insert(index, entry);
    }

    /// <summary>Drops what was fed for a pass that cannot be run.</summary>
    public void Forget() => _fed.Clear();

    /// <inheritdoc/>
    public void Run(CancellationToken cancellationToken)
    {
        try
        {
            TransformerGraph graph = GraphFor(_fed);
            if (graph.Images > _fed.Count)
                _idle ??= NewCache(place: -1, provider.Captures ? _reserved.Tokens : 1);
            graph.Run(_fed, _idle, cancellationToken);
            Passes++;
        }
        finally
        {
            _fed.Clear();
        }
    }

    public void Dispose()
    {
        // Bindings hold the addresses of the caches, and a session may own the memory of the caches.
        foreach (TransformerGraph graph in AllGraphs())
            graph.Unbind();
        foreach (KeyValueCache? cache in _caches)
            cache?.Dispose();
        _idle?.Dispose();
        _allocator?.Dispose();
        foreach (TransformerGraph graph in AllGraphs())
            graph.Dispose();
        _memory.Dispose();
        device?.Dispose();
    }

    private IEnumerable<TransformerGraph> AllGraphs() => _tree is null ? _graphs : _graphs.Append(_tree);

    private TransformerGraph Open(int images, bool tree)
    {
        Session session = open(images, tree);
        try
        {
            GraphContract.CheckTransformer(session, manifest, _precision, images, tree);
            int places = 2 * (manifest.TextEncoder?.Places ?? 0);
            var inputs = new TransformerInputs(
                Lanes, Codes, images, tree, places, manifest.Denoising?.Hidden ?? 0, manifest.Transformer.MaxPositions);
            var graph = new TransformerGraph(_memory, session, inputs, provider.Captures && !tree);
            graph.Reserve(_reserved.Tokens, _reserved.Rows);
            return graph;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>The smallest open graph that holds these images.</summary>
    private TransformerGraph GraphFor(List<PassEntry> entries)
    {
        if (!entries[0].IsChain)
            return _tree!;

        foreach (TransformerGraph graph in _graphs)
        {
            if (graph.Images >= entries.Count)
                return graph;
        }

        throw new InvalidOperationException($"{entries.Count} images were fed; the largest graph that is open holds {_graphs[^1].Images}.");
    }

    private KeyValueCache CacheOf(int place, int positions)
    {
        while (_caches.Count <= place)
            _caches.Add(null);
        if (_caches[place] is { } cache && cache.Capacity >= positions)
            return cache;

        // Bindings hold the addresses of the caches, so they go first.
        foreach (TransformerGraph graph in AllGraphs())
            graph.Unbind();
        _caches[place]?.Dispose();
        _caches[place] = null;
        return _caches[place] = NewCache(place, positions);
    }

    private KeyValueCache NewCache(int place, int positions) => new(place, manifest.Transformer, positions, _memory.HasDevice
        ? shape => _memory.Allocate(GraphContract.CacheType(_precision), shape)
        : shape => tensors.Allocate(Allocator(), GraphContract.CacheType(_precision), shape));

    private OrtAllocator Allocator()
    {
        if (provider.IsCpu)
            return OrtAllocator.DefaultInstance;
        if (_allocator is null)
        {
            using OrtMemoryInfo memory = provider.MemoryInfo();
            _allocator = new OrtAllocator(AllGraphs().First().Session.Inference, memory);
        }

        return _allocator;
    }
}
