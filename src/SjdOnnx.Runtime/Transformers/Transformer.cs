using System.Diagnostics;
using System.Runtime.ExceptionServices;
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
/// <param name="open">
/// Opens the graph for a number of lanes, for a number of groups that run side by side. For 0 lanes it is the graph for one image whose
/// tokens form a tree.
/// </param>
/// <param name="device">Where the provider computes, if this engine copies its inputs and outputs; the transformer disposes it.</param>
/// <param name="groupsOf">Into how many parts a pass of a number of images is split, which run side by side.</param>
/// <param name="weights">Weights that all graphs share; null if each has its own. The transformer disposes them.</param>
internal sealed class Transformer(
    Manifest manifest, string precision, Provider provider, NativeTensors tensors, IDeviceStream? device,
    SharedWeights? weights, Func<int, int> groupsOf, Func<int, int, Session> open)
    : IForwardPass, IDisposable
{
    private readonly PrecisionSection _precision = manifest.Transformer.Precisions[precision];
    private readonly PassMemory _memory = new(tensors, provider, device);
    private readonly Dictionary<int, List<LaneGroup>> _groups = []; // by their number
    private readonly Dictionary<int, int> _numbers = []; // of groups, by images
    private readonly List<PassThread> _threads = []; // for all groups of a pass but the first, which the calling thread runs
    private readonly List<KeyValueCache?> _caches = []; // by place
    private readonly List<PassEntry> _fed = []; // by place
    private readonly List<PassLane> _lanes = []; // of those that are fed
    private TransformerGraph? _tree;
    private OrtAllocator? _allocator; // the caches' memory returns to it, so it is disposed after them
    private (int Tokens, int Rows) _reserved;

    /// <summary>Sequences of one image.</summary>
    public int Lanes => manifest.Transformer.Lanes;

    public int Codes => manifest.Layout.Codes;

    /// <summary>One of its graphs that is open.</summary>
    public Session OpenGraph => AllGraphs().First().Session;

    /// <summary>Whether all passes should be run by one thread, because captures belong to the thread that made them.</summary>
    public bool BelongsToThread => provider.Captures;

    /// <summary>Passes that were run.</summary>
    public int Passes { get; private set; }

    /// <summary>Time during which ONNX Runtime computed.</summary>
    public TimeSpan TimeInRun { get; private set; }

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

    /// <summary>Opens the graphs for passes of <paramref name="images"/>; if there are none, the largest.</summary>
    /// <exception cref="ModelException">A graph cannot be opened, or does not match model.json.</exception>
    public void Open(int images)
    {
        int lanes = Lanes * Math.Min(images, MaxImages);
        (List<LaneGroup> groups, int part) = Split(lanes);
        for (int group = 0; group * part < lanes; group++)
        {
            if (group == groups.Count)
                groups.Add(NewGroup(GroupsOf(images)));
            if (group > _threads.Count)
                _threads.Add(new PassThread());
            groups[group].Open(part);
        }
    }

    /// <summary>Into how many parts a pass of so many images is split.</summary>
    public int GroupsOf(int images)
    {
        int size = SizeFor(images);
        if (!_numbers.TryGetValue(size, out int number))
            _numbers.Add(size, number = groupsOf(size));
        return number;
    }

    /// <summary>Splits passes of so many images into another number of parts. The next call is <see cref="Open(int)"/>.</summary>
    public void SetGroups(int images, int number)
    {
        _numbers[SizeFor(images)] = number;
        foreach (int unused in _groups.Keys.Except(_numbers.Values).ToArray())
        {
            foreach (LaneGroup group in _groups[unused])
                group.Dispose();
            _groups.Remove(unused);
        }
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
            _tree ??= Open(Lanes, groups: 1, tree: true);
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
            _lanes.Clear();
            foreach (PassEntry entry in _fed)
            {
                for (int lane = 0; lane < entry.Lanes; lane++)
                    _lanes.Add(new PassLane(entry, lane));
            }

            ReadOnlySpan<PassLane> lanes = CollectionsMarshal.AsSpan(_lanes);
            if (_fed[0].IsChain)
                RunGroups(lanes, cancellationToken);
            else
                RunTree(lanes, cancellationToken);
            Passes++;
        }
        finally
        {
            _fed.Clear();
        }
    }

    public void Dispose()
    {
        foreach (PassThread thread in _threads)
            thread.Dispose();

        // Bindings hold the addresses of the caches, and a session may own the memory of the caches.
        foreach (TransformerGraph graph in AllGraphs())
            graph.Unbind();
        foreach (KeyValueCache? cache in _caches)
            cache?.Dispose();
        foreach (LaneGroup group in _groups.Values.SelectMany(static groups => groups))
            group.ReleaseIdle();
        _allocator?.Dispose();
        foreach (TransformerGraph graph in AllGraphs())
            graph.Dispose();
        weights?.Dispose();
        _memory.Dispose();
        device?.Dispose();
    }

    private void RunGroups(ReadOnlySpan<PassLane> lanes, CancellationToken cancellation)
    {
        (List<LaneGroup> groups, int part) = Split(lanes.Length);
        int count = (lanes.Length + part - 1) / part;
        for (int group = 0; group < count; group++)
            groups[group].Take(lanes[(group * part)..Math.Min((group + 1) * part, lanes.Length)]);
        long start = Stopwatch.GetTimestamp();
        for (int group = 1; group < count; group++)
            _threads[group - 1].Begin(groups[group], cancellation);
        ExceptionDispatchInfo? error = null;
        try
        {
            groups[0].Run(cancellation);
        }
        catch (Exception first)
        {
            error = ExceptionDispatchInfo.Capture(first);
        }

        for (int group = 1; group < count; group++)
            error = _threads[group - 1].End() ?? error;
        TimeInRun += Stopwatch.GetElapsedTime(start);
        error?.Throw();
        for (int group = 0; group < count; group++)
            groups[group].HandOut();
    }

    private void RunTree(ReadOnlySpan<PassLane> lanes, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        _tree!.Run(lanes, idle: null, cancellation);
        TimeInRun += Stopwatch.GetElapsedTime(start);
        _tree.HandOut(lanes);
    }

    /// <summary>The groups for so many lanes, and how many of these each reads: one, or those of whole images.</summary>
    private (List<LaneGroup> Groups, int Part) Split(int lanes)
    {
        int number = GroupsOf(lanes / Lanes);
        if (!_groups.TryGetValue(number, out List<LaneGroup>? groups))
            _groups.Add(number, groups = []);
        int part = (lanes + number - 1) / number;
        return (groups, part == 1 && _precision.Lane is not null ? 1 : (part + Lanes - 1) / Lanes * Lanes);
    }

    private LaneGroup NewGroup(int number) => new(
        [.. _precision.ByLanes(Lanes).Keys], lanes => Open(lanes, number, tree: false),
        () => NewCache(place: -1, provider.Captures ? _reserved.Tokens : 1));

    private IEnumerable<TransformerGraph> AllGraphs()
    {
        IEnumerable<TransformerGraph> graphs = _groups.Values.SelectMany(static groups => groups).SelectMany(static group => group.Graphs);
        return _tree is null ? graphs : graphs.Append(_tree);
    }

    private TransformerGraph Open(int lanes, int groups, bool tree)
    {
        Session session = open(tree ? 0 : lanes, groups);
        try
        {
            GraphContract.CheckTransformer(session, manifest, _precision, lanes, tree);
            int places = 2 * (manifest.TextEncoder?.Places ?? 0);
            var inputs = new TransformerInputs(
                lanes, Lanes, Codes, tree, places, manifest.Denoising?.Hidden ?? 0, manifest.Transformer.MaxPositions);
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
