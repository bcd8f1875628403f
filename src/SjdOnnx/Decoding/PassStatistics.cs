namespace SjdOnnx.Decoding;

/// <summary>What the passes over one image carried, and how many of their drafts stood.</summary>
public sealed class PassStatistics
{
    private readonly int[] _acceptedHistogram;
    private readonly int[] _passesOfNodes;
    private int _drafts;

    /// <param name="drafts">The most drafts in a pass.</param>
    /// <param name="branches">The most branches in a pass.</param>
    internal PassStatistics(int drafts, int branches) =>
        (_acceptedHistogram, _passesOfNodes) = (new int[drafts + 1], new int[drafts + branches + 2]);

    /// <summary>Forward passes so far, not counting the prefill.</summary>
    public int ForwardPasses { get; private set; }

    /// <summary>The mean number of drafts that those passes judged; 0 before the first.</summary>
    public double DraftsPerPass => _drafts / (double)Math.Max(1, ForwardPasses);

    /// <summary>Entry k: how many of <see cref="ForwardPasses"/> accepted k drafts.</summary>
    public ReadOnlySpan<int> AcceptedHistogram => _acceptedHistogram;

    /// <summary>Entry n: how many of <see cref="ForwardPasses"/> judged n nodes.</summary>
    public ReadOnlySpan<int> PassesOfNodes => _passesOfNodes;

    /// <summary>How often drafts stood when they were tested, over committed positions only: it may guide what comes after them.</summary>
    public DraftSurvival Survival { get; } = new();

    /// <summary>Counts a pass that was not the prefill.</summary>
    internal void Record(int drafts, int nodes, int accepted)
    {
        ForwardPasses++;
        _drafts += drafts;
        _acceptedHistogram[accepted]++;
        _passesOfNodes[nodes]++;
    }
}
