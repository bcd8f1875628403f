using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Transformers;

/// <summary>
/// The transformer. Its graphs are opened when they are first needed. Each place has a cache, which grows to the largest image and is
/// reused by those after it.
/// </summary>
internal sealed class Transformer : IForwardPass, IDisposable
{
    private readonly Manifest _manifest;
    private readonly PrecisionSection _precision;
    private readonly Provider _provider;
    private readonly NativeTensors _tensors;
    private readonly IDeviceStream? _device;
    private readonly SharedWeights? _weights;
    private readonly Func<int, int, Session> _open;
    private readonly PassMemory _memory;
    private readonly SplitPasses _split;
    private readonly int[] _sizes; // images for which there are graphs, rising
    private readonly List<KeyValueCache?> _caches = []; // by place
    private readonly List<PassEntry> _fed = []; // by place
    private readonly List<PassLane> _lanes = []; // of those that are fed
    private TransformerGraph? _tree;
    private OrtAllocator? _allocator; // the caches' memory returns to it, so it is disposed after them
    private (int Tokens, int Rows) _reserved;

    /// <param name="open">
    /// Opens the graph for a number of lanes, for a number of groups that run side by side. For 0 lanes it is the graph for one image whose
    /// tokens form a tree.
    /// </param>
    /// <param name="device">Where the provider computes, if this engine copies its inputs and outputs; the transformer disposes it.</param>
    /// <param name="groupsOf">Into how many parts a pass of a number of images is split, which run side by side.</param>
    /// <param name="weights">Weights that all graphs share; null if each has its own. The transformer disposes them.</param>
    public Transformer(
        Manifest manifest, string precision, Provider provider, NativeTensors tensors, IDeviceStream? device, SharedWeights? weights,
        Func<int, int> groupsOf, Func<int, int, Session> open)
    {
        (_manifest, _provider, _tensors, _device, _weights, _open) = (manifest, provider, tensors, device, weights, open);
        _precision = manifest.Transformer.Precisions[precision];
        _sizes = [1, .. _precision.Batches.Keys.Order()];
        _memory = new PassMemory(tensors, provider, device);
        _split = new SplitPasses(Lanes, [.. _precision.ByLanes(Lanes).Keys], groupsOf, Open, NewIdleCache);
    }

    /// <summary>Sequences of one image.</summary>
    public int Lanes => _manifest.Transformer.Lanes;

    public int Codes => _manifest.Layout.Codes;

    /// <summary>One of its graphs that is open.</summary>
    public Session OpenGraph => AllGraphs().First().Session;

    /// <summary>Whether all passes should be run by one thread, because captures belong to the thread that made them.</summary>
    public bool BelongsToThread => _provider.Captures;

    /// <summary>Passes that were run.</summary>
    public int Passes { get; private set; }

    /// <summary>Time during which ONNX Runtime computed.</summary>
    public TimeSpan TimeInRun { get; private set; }

    /// <summary>Time spent in copies between host and device; zero where ONNX Runtime makes them, or none are needed.</summary>
    public TimeSpan TimeInTransfers => _memory.TimeInTransfers;

    /// <summary>The passes that the device has captured, by graph.</summary>
    public IEnumerable<CapturedPasses> Captured => AllGraphs().Select(static graph => graph.Captured).OfType<CapturedPasses>();

    /// <summary>The most images in a pass.</summary>
    public int MaxImages => _sizes[^1];

    /// <summary>The images of the smallest graph that holds <paramref name="images"/>; if there is none, of the largest graph.</summary>
    public int SizeFor(int images)
    {
        foreach (int size in _sizes)
        {
            if (size >= images)
                return size;
        }

        return _sizes[^1];
    }

    /// <summary>Opens the graphs for passes of <paramref name="images"/>; if there are none, the largest.</summary>
    /// <exception cref="ModelException">A graph cannot be opened, or does not match model.json.</exception>
    public void Open(int images) => _split.Open(Lanes * Math.Min(images, MaxImages));

    /// <summary>Into how many groups of lanes a pass of so many images is split.</summary>
    public int GroupsOf(int images) => _split.NumberOf(Lanes * images);

    /// <summary>Splits passes of so many images into another number of groups. No pass may be under way.</summary>
    public void SetGroups(int images, int number) => _split.Set(Lanes * images, number);

    /// <summary>Tokens of a lane, or rows of logits, to which a pass of so many may be padded.</summary>
    public int Padded(int count) => _provider.Captures ? CapturedPasses.SizeFor(count) : count;

    /// <summary>The cache of a place, large enough for an image, and room for its passes.</summary>
    /// <param name="place">Which of the images that are drawn together, from 0.</param>
    /// <param name="positions">The longest lane in tokens, prompt included.</param>
    /// <param name="tokens">The most new tokens of a lane in a pass.</param>
    /// <param name="rows">The most rows of logits of a lane in a pass.</param>
    /// <param name="tree">Whether the new tokens may form a tree.</param>
    public KeyValueCache Prepare(int place, int positions, int tokens, int rows, bool tree)
    {
        if (tree)
            _tree ??= Open(Lanes, groups: 1, tree: true);
        (int Tokens, int Rows) wanted = (Math.Max(tokens, _reserved.Tokens), Math.Max(rows, _reserved.Rows));
        foreach (TransformerGraph graph in AllGraphs())
            graph.Reserve(wanted.Tokens, wanted.Rows);
        _reserved = wanted;
        int padding = _provider.Captures ? tokens / 2 : 0; // each size of captured passes is at most twice the one before
        return CacheOf(place, Math.Max(positions, Math.Min(positions + padding, _manifest.Transformer.MaxPositions)));
    }

    /// <summary>Noisy embeddings for one image.</summary>
    /// <param name="steps">From noise to a code, 1 or more.</param>
    /// <param name="max">The most positions read in a pass.</param>
    public NoisyEmbeddings Noise(int steps, int max) => new(new NoiseSchedule(_manifest.Denoising!), steps, max);

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
            _lanes.Clear();
            foreach (PassEntry entry in _fed)
            {
                for (int lane = 0; lane < entry.Lanes; lane++)
                    _lanes.Add(new PassLane(entry, lane));
            }

            ReadOnlySpan<PassLane> lanes = CollectionsMarshal.AsSpan(_lanes);
            long start = Stopwatch.GetTimestamp();
            if (_fed[0].IsChain)
                _split.Run(lanes, cancellationToken);
            else
                _tree!.Run(lanes, idle: null, cancellationToken);
            TimeInRun += Stopwatch.GetElapsedTime(start);
            if (_fed[0].IsChain)
                _split.HandOut();
            else
                _tree!.HandOut(lanes);
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
        _split.ReleaseIdle();
        _allocator?.Dispose();
        _split.Dispose();
        _tree?.Dispose();
        _weights?.Dispose();
        _memory.Dispose();
        _device?.Dispose();
    }

    private IEnumerable<TransformerGraph> AllGraphs()
    {
        return _tree is null ? _split.Graphs : _split.Graphs.Append(_tree);
    }

    private TransformerGraph Open(int lanes, int groups) => Open(lanes, groups, tree: false);

    private TransformerGraph Open(int lanes, int groups, bool tree)
    {
        Session session = _open(tree ? 0 : lanes, groups);
        try
        {
            GraphContract.CheckTransformer(session, _manifest, _precision, lanes, tree);
            int places = 2 * (_manifest.TextEncoder?.Places ?? 0);
            var inputs = new TransformerInputs(
                lanes, Lanes, Codes, tree, places, _manifest.Denoising?.Hidden ?? 0, _manifest.Transformer.MaxPositions);
            var graph = new TransformerGraph(_memory, session, inputs, _provider.Captures && !tree);
            graph.Reserve(_reserved.Tokens, _reserved.Rows);
            return graph;
        }
        catch
        {
            session.Dispose();
            throw;
        }
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

    private KeyValueCache NewCache(int place, int positions) => new(place, _manifest.Transformer, positions, _memory.HasDevice
        ? shape => _memory.Allocate(GraphContract.CacheType(_precision), shape)
        : shape => _tensors.Allocate(Allocator(), GraphContract.CacheType(_precision), shape));

    /// <summary>The cache of lanes without an image. A captured pass gives them as many tokens as the others.</summary>
    private KeyValueCache NewIdleCache() => NewCache(place: -1, _provider.Captures ? _reserved.Tokens : 1);

    private OrtAllocator Allocator()
    {
        if (_provider.IsCpu)
            return OrtAllocator.DefaultInstance;
        if (_allocator is null)
        {
            using OrtMemoryInfo memory = _provider.MemoryInfo();
            _allocator = new OrtAllocator(AllGraphs().First().Session.Inference, memory);
        }

        return _allocator;
    }
}
