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
    /// How many candidates <c>pac</c> has the model judge at each of the first open positions, the draft among them: 1 to <see cref="MostCandidates"/> each. The tree is
    /// their cross product, so [3, 3] asks about 2 + 8 codes beside the drafts; at most <see cref="MostBranches"/> of them. Empty for no tree.
    /// </summary>
    public IReadOnlyList<int> Branching
    {
        get;
        init => field = Legal(value, nameof(Branching));
    } = [3, 3];

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
                    name, candidates, $"{name} needs 1 to {MostCandidates} candidates at each position; 3, 3 is usual.");
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
