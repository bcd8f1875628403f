namespace SjdOnnx.Methods;

/// <summary>What decoding methods let their users choose; a method may have no use for a choice.</summary>
public sealed record DecodingOptions
{
    /// <summary>The largest <see cref="WindowSize"/>.</summary>
    public const int LargestWindow = 1024;

    /// <summary>The most candidates for a position in <see cref="Branching"/>.</summary>
    public const int MostCandidates = 32;

    /// <summary>The most codes beside the drafts to which <see cref="Branching"/> may grow.</summary>
    public const int MostBranches = 1024;

    /// <summary>The largest <see cref="GroupSize"/>.</summary>
    public const int LargestGroup = 1024;

    /// <summary>The most drafts open at once, 0 to <see cref="LargestWindow"/>; 0 decodes one token per forward pass.</summary>
    public int WindowSize
    {
        get;
        init => field = value is >= 0 and <= LargestWindow
            ? value
            : throw new ArgumentOutOfRangeException(
                nameof(WindowSize), value, $"The window must be between 0 and {LargestWindow} drafts; 16 is usual.");
    } = 16;

    /// <summary>
    /// How many candidates <c>pac</c> has the model judge at each of the first open positions, the draft among them: 1 to
    /// <see cref="MostCandidates"/> each. The tree is their cross product, so [3, 3] asks about 2 + 8 codes beside the drafts; at most
    /// <see cref="MostBranches"/> of them. Empty for no tree.
    /// </summary>
    public IReadOnlyList<int> Branching
    {
        get;
        init => field = Legal(value, nameof(Branching));
    } = [4];

    /// <summary>
    /// How much of its probability a draft of <c>sjd++</c> must have kept to stay behind a rejection: p/q above this, 0 or more. ∞ keeps
    /// none, and 0 nearly all.
    /// </summary>
    /// <remarks>The paper's value is not known to us; 0.1 is what a port of the method to text found best.</remarks>
    public float ReuseThreshold
    {
        get;
        init => field = value >= 0 // written so that NaN fails, too
            ? value
            : throw new ArgumentOutOfRangeException(
                nameof(ReuseThreshold), value, "ReuseThreshold must be 0 or more; 0.1 is usual, and infinity keeps no draft.");
    } = 0.1f;

    /// <summary>
    /// How many neighbours of a draft, half of them more probable and half less, share its test in <c>gsd</c>: 0 to
    /// <see cref="LargestGroup"/>; 0 and 1 leave it alone.
    /// </summary>
    /// <remarks>14, seven on each side, is what the paper's code has; its tables go to 50.</remarks>
    public int GroupSize
    {
        get;
        init => field = value is >= 0 and <= LargestGroup
            ? value
            : throw new ArgumentOutOfRangeException(
                nameof(GroupSize), value, $"GroupSize must be between 0 and {LargestGroup} neighbours; 14 is usual.");
    } = 14;

    /// <summary>How far the probability of such a neighbour may lie from the draft's, 0 to 1.</summary>
    /// <remarks>0.15 is the paper's δ.</remarks>
    public float GroupTolerance
    {
        get;
        init => field = value is >= 0 and <= 1
            ? value
            : throw new ArgumentOutOfRangeException(
                nameof(GroupTolerance), value, "GroupTolerance is a difference of probabilities, between 0 and 1; 0.15 is usual.");
    } = 0.15f;

    /// <summary>How many passes refine a draft of <c>early-exit</c> before it is committed as it is, 1 or more.</summary>
    /// <remarks>CEED-VLA has 16, and 8 for speed, in windows of 22 and 36 drafts.</remarks>
    public int Iterations
    {
        get;
        init => field = value >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Iterations), value, "Iterations must be 1 or more; 8 is usual.");
    } = 8;

    /// <summary>How many passes bring a slot of <c>sjd2</c> from noise to its code, 1 to <see cref="LargestWindow"/>.</summary>
    /// <remarks>The paper takes 20, in windows of more than 80 drafts, and redrafts otherwise; with this library's coupling few are best (docs/decoding.md).</remarks>
    public int DenoisingSteps
    {
        get;
        init => field = value is >= 1 and <= LargestWindow
            ? value
            : throw new ArgumentOutOfRangeException(
                nameof(DenoisingSteps), value, $"DenoisingSteps must be between 1 and {LargestWindow} passes; 1 to 3 is usual.");
    } = 1;

    /// <summary>The first guess at a position of which the model has said nothing yet.</summary>
    public Initialisation Initialisation { get; init; } = Initialisation.Uniform;

    /// <summary>Nodes of the tree that are not on its first path; counting ends above <see cref="MostBranches"/>.</summary>
    internal static int CountBranches(IEnumerable<int> branching)
    {
        (int branches, int paths) = (0, 1);
        foreach (int candidates in branching)
        {
            paths *= candidates;
            branches += paths - 1;
            if (branches > MostBranches)
                break;
        }

        return branches;
    }

    private static int[] Legal(IReadOnlyList<int> branching, string name)
    {
        ArgumentNullException.ThrowIfNull(branching, name);
        foreach (int candidates in branching)
        {
            if (candidates is < 1 or > MostCandidates)
            {
                throw new ArgumentOutOfRangeException(
                    name, candidates, $"{name} needs 1 to {MostCandidates} candidates at each position; 4 at the first is usual.");
            }
        }

        return CountBranches(branching) <= MostBranches
            ? [.. branching]
            : throw new ArgumentOutOfRangeException(
                name,
                string.Join(", ", branching),
                $"{name} grows to more than {MostBranches} codes beside the drafts; ask for fewer candidates, or at fewer positions.");
    }
}
