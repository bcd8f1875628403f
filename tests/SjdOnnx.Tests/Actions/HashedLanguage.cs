using SjdOnnx.Actions;

namespace SjdOnnx.Tests.Actions;

/// <summary>
/// A causal language model: the next id is a hash of all ids before it. It keeps, as a cache does, what each place was read as, and
/// computes from that alone, so a stale place shows.
/// </summary>
/// <param name="memory">How many of the last ids the next one depends on; fewer converge faster.</param>
internal sealed class HashedLanguage(int memory = int.MaxValue, int ids = 50) : IActionLanguage
{
    private readonly List<int> _cache = [];

    /// <summary>The lengths of the passes.</summary>
    public List<int> Passes { get; } = [];

    /// <summary>The pass from which on a logit is not finite.</summary>
    public int FailsAt { get; init; } = int.MaxValue;

    /// <summary>Moves each prediction to the place after its own, a mistake that tests must find.</summary>
    public int Shift { get; init; }

    public bool Predict(int kept, ReadOnlySpan<int> ids, Span<int> following, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Assert.True(ids.Length > 0, "The decoder asked for a pass over no tokens, which no graph can run.");
        Assert.InRange(following.Length, 1, ids.Length);
        Passes.Add(ids.Length);
        Assert.True(kept <= _cache.Count, $"{kept} tokens are said to be kept; the cache has {_cache.Count}.");
        _cache.RemoveRange(kept, _cache.Count - kept);
        _cache.AddRange(ids);
        for (int i = 0; i < following.Length; i++)
            following[i] = After(kept + ids.Length - following.Length + i + Shift);
        return Passes.Count < FailsAt;
    }

    /// <summary>The ids that follow the first one, one by one.</summary>
    public int[] Greedy(int first, int count)
    {
        var tokens = new List<int> { first };
        while (tokens.Count < count)
            tokens.Add(Next(tokens));
        return [.. tokens];
    }

    private int After(int place) => Next(_cache[..Math.Min(_cache.Count, place + 1)]);

    private int Next(List<int> before)
    {
        uint hash = 2166136261;
        foreach (int id in before.TakeLast(memory))
            hash = (hash ^ (uint)id) * 16777619;
        return (int)(hash % (uint)ids);
    }
}
