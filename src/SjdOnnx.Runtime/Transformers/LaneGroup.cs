namespace SjdOnnx.Runtime.Transformers;

/// <summary>
/// Lanes that one Run reads, with the graphs for them. Lanes do not see each other, so a pass can be split into groups that run side by
/// side.
/// </summary>
/// <param name="sizes">Lanes of the graphs that there are, rising.</param>
/// <param name="open">Opens the graph for a number of lanes.</param>
/// <param name="newIdle">Makes the cache of lanes without an image.</param>
internal sealed class LaneGroup(int[] sizes, Func<int, TransformerGraph> open, Func<KeyValueCache> newIdle) : IDisposable
{
    private readonly List<TransformerGraph> _graphs = []; // by lanes
    private KeyValueCache? _idle;
    private PassLane[] _lanes = [];
    private int _count;
    private TransformerGraph? _running;
    private Action<CancellationToken>? _run; // made once, because a pass allocates nothing

    public IReadOnlyList<TransformerGraph> Graphs => _graphs;

    /// <summary>The most lanes that an open graph holds.</summary>
    public int MaxLanes => _graphs.Count == 0 ? 0 : _graphs[^1].Lanes;

    /// <summary>The lanes of the next pass.</summary>
    public ReadOnlySpan<PassLane> Lanes => _lanes.AsSpan(0, _count);

    /// <summary>Opens a graph that holds so many lanes; if there is none, the largest graph.</summary>
    public void Open(int lanes)
    {
        int size = Array.Find(sizes, size => size >= lanes);
        if (size == 0)
            size = sizes[^1];
        if (_graphs.Exists(graph => graph.Lanes == size))
            return;
        _graphs.Add(open(size));
        _graphs.Sort(static (a, b) => a.Lanes.CompareTo(b.Lanes));
    }

    /// <summary>Takes the lanes of the next pass.</summary>
    /// <exception cref="InvalidOperationException">No graph holds so many.</exception>
    public void Take(ReadOnlySpan<PassLane> lanes)
    {
        if (_lanes.Length < lanes.Length)
            _lanes = new PassLane[lanes.Length];
        lanes.CopyTo(_lanes);
        _count = lanes.Length;
        _running = null;
        foreach (TransformerGraph graph in _graphs)
        {
            if (graph.Lanes < _count)
                continue;
            _running = graph;
            break;
        }

        if (_running is null)
            throw new InvalidOperationException($"{_count} lanes were fed; the largest graph holds {MaxLanes}.");
        if (_running.Lanes > _count)
            _idle ??= newIdle();
    }

    /// <summary>Runs the pass of these lanes.</summary>
    public Action<CancellationToken> Run => _run ??= cancellation => _running!.Run(Lanes, _idle, cancellation);

    /// <summary>Hands out what <see cref="Run"/> computed.</summary>
    public void HandOut() => _running!.HandOut(Lanes);

    public void Dispose()
    {
        foreach (TransformerGraph graph in _graphs)
            graph.Unbind();
        ReleaseIdle();
        foreach (TransformerGraph graph in _graphs)
            graph.Dispose();
    }

    /// <summary>Releases the cache of lanes without an image.</summary>
    public void ReleaseIdle()
    {
        _idle?.Dispose();
        _idle = null;
    }
}
