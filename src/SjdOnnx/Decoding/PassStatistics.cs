namespace SjdOnnx.Decoding;

/// <summary>What the passes over one image carried, and how many of their drafts stood.</summary>
public sealed class PassStatistics
{
    private readonly int[] _acceptedHistogram;
    private int _drafts;

    /// <param name="drafts">The most drafts in a pass.</param>
    internal PassStatistics(int drafts) => _acceptedHistogram = new int[drafts + 1];

    /// <summary>Forward passes so far, not counting the prefill.</summary>
    public int ForwardPasses { get; private set; }

    /// <summary>The mean number of drafts that those passes judged; 0 before the first.</summary>
    public double DraftsPerPass => _drafts / (double)Math.Max(1, ForwardPasses);

    /// <summary>Entry k: how many of <see cref="ForwardPasses"/> accepted k drafts.</summary>
    public ReadOnlySpan<int> AcceptedHistogram => _acceptedHistogram;

    /// <summary>How often drafts stood when they were tested, over committed positions only: it may guide what comes after them.</summary>
    public DraftSurvival Survival { get; } = new();

    /// <summary>Counts a pass that was not the prefill.</summary>
    internal void Record(int drafts, int accepted)
    {
        ForwardPasses++;
        _drafts += drafts;
        _acceptedHistogram[accepted]++;
    }
}
