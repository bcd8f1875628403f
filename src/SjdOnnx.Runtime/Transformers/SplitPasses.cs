using System.Runtime.ExceptionServices;

namespace SjdOnnx.Runtime.Transformers;

/// <summary>
/// Passes that are split into groups of lanes, which run side by side: the first on the calling thread, and the others on a thread each.
/// Passes of different sizes can be split into different numbers of groups.
/// </summary>
/// <param name="lanesOfImage">1 or 2.</param>
/// <param name="sizes">Lanes of the graphs that there are, rising.</param>
/// <param name="numberOf">Into how many groups a pass of a number of images is split, at first.</param>
/// <param name="open">Opens the graph for a number of lanes, for a number of groups.</param>
/// <param name="newIdle">Makes the cache of lanes without an image.</param>
internal sealed class SplitPasses(
    int lanesOfImage, int[] sizes, Func<int, int> numberOf, Func<int, int, TransformerGraph> open, Func<KeyValueCache> newIdle)
    : IDisposable
{
    private readonly Dictionary<int, List<LaneGroup>> _groups = []; // by their number
    private readonly Dictionary<int, int> _numbers = []; // of groups, by the lanes of the graph that would hold them all
    private readonly List<PassThread> _threads = [];
    private List<LaneGroup> _running = [];
    private int _count; // of those in _running that take part in the pass

    /// <summary>All graphs that are open.</summary>
    public IEnumerable<TransformerGraph> Graphs =>
        _groups.Values.SelectMany(static groups => groups).SelectMany(static group => group.Graphs);

    /// <summary>Into how many groups a pass of so many lanes is split.</summary>
    public int NumberOf(int lanes)
    {
        int size = SizeFor(lanes);
        if (!_numbers.TryGetValue(size, out int number))
            _numbers.Add(size, number = numberOf(size / lanesOfImage));
        return number;
    }

    /// <summary>Splits passes of so many lanes into another number of groups, and closes the graphs that no size needs any more.</summary>
    public void Set(int lanes, int number)
    {
        _numbers[SizeFor(lanes)] = number;
        foreach (int unused in _groups.Keys.Except(_numbers.Values).ToArray())
        {
            _groups[unused].ForEach(static group => group.Dispose());
            _groups.Remove(unused);
        }
    }

    /// <summary>Opens the graphs for passes of so many lanes, where they are not open.</summary>
    public void Open(int lanes)
    {
        int number = NumberOf(lanes);
        if (!_groups.TryGetValue(number, out List<LaneGroup>? groups))
            _groups.Add(number, groups = []);
        int part = PartOf(lanes, number);
        for (int group = 0; group * part < lanes; group++)
        {
            if (group == groups.Count)
                groups.Add(new LaneGroup(sizes, size => open(size, number), newIdle));
            if (group > _threads.Count)
                _threads.Add(new PassThread());
            groups[group].Open(part);
        }
    }

    /// <summary>Runs a pass.</summary>
    /// <exception cref="InvalidOperationException">No graph holds so many lanes.</exception>
    public void Run(ReadOnlySpan<PassLane> lanes, CancellationToken cancellation)
    {
        Share(lanes);
        for (int group = 1; group < _count; group++)
            _threads[group - 1].Begin(_running[group].Run, cancellation);
        ExceptionDispatchInfo? error = null;
        try
        {
            _running[0].Run(cancellation);
        }
        catch (Exception first)
        {
            error = ExceptionDispatchInfo.Capture(first);
        }

        for (int group = 1; group < _count; group++)
            error = _threads[group - 1].End() ?? error;
        error?.Throw();
    }

    /// <summary>Hands out what the last pass computed.</summary>
    public void HandOut()
    {
        for (int group = 0; group < _count; group++)
            _running[group].HandOut();
    }

    /// <summary>Releases the caches of lanes without an image.</summary>
    public void ReleaseIdle()
    {
        foreach (LaneGroup group in _groups.Values.SelectMany(static groups => groups))
            group.ReleaseIdle();
    }

    public void Dispose()
    {
        foreach (PassThread thread in _threads)
            thread.Dispose();
        foreach (LaneGroup group in _groups.Values.SelectMany(static groups => groups))
            group.Dispose();
    }

    /// <summary>Shares out the lanes of a pass.</summary>
    private void Share(ReadOnlySpan<PassLane> lanes)
    {
        int number = NumberOf(lanes.Length);
        int part = PartOf(lanes.Length, number);
        _count = (lanes.Length + part - 1) / part;
        if (!_groups.TryGetValue(number, out List<LaneGroup>? groups) || !Hold(groups, part, lanes.Length))
        {
            Open(lanes.Length); // an image has left, and the others are split into another number of groups
            groups = _groups[number];
        }

        _running = groups;
        for (int group = 0; group < _count; group++)
            groups[group].Take(lanes[(group * part)..Math.Min((group + 1) * part, lanes.Length)]);
    }

    private static bool Hold(List<LaneGroup> groups, int part, int lanes)
    {
        for (int group = 0; group * part < lanes; group++)
        {
            if (group == groups.Count || groups[group].MaxLanes < Math.Min(part, lanes - (group * part)))
                return false;
        }

        return true;
    }

    private int SizeFor(int lanes)
    {
        foreach (int size in sizes)
        {
            if (size >= lanes)
                return size;
        }

        return sizes[^1];
    }

    /// <summary>How many of so many lanes a group reads: one, where there is a graph for one, or those of whole images.</summary>
    private int PartOf(int lanes, int number)
    {
        int part = (lanes + number - 1) / number;
        return part == 1 && sizes[0] == 1 ? 1 : (part + lanesOfImage - 1) / lanesOfImage * lanesOfImage;
    }
}
