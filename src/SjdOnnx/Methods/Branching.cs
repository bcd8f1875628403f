using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace SjdOnnx.Methods;

/// <summary>
/// How many candidates each of the first open positions has, the draft among them. The tree is their cross product: 3x3 asks about 2 + 8
/// codes beside the drafts. In text the numbers are joined by <c>x</c>; <c>1</c> is no tree.
/// </summary>
public readonly record struct Branching : IParsable<Branching>
{
    /// <summary>The most candidates at a position.</summary>
    public const int MaxCandidates = 32;

    /// <summary>The most codes beside the drafts to which the tree may grow.</summary>
    public const int MaxBranches = 1024;

    internal const string Range = "numbers from 1 to 32 joined by x, with at most 1024 codes beside the drafts";

    private readonly ImmutableArray<int> _candidates;

    /// <param name="candidates">1 to <see cref="MaxCandidates"/> for each of the first positions.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A number is out of range, or the tree has more than <see cref="MaxBranches"/> codes beside the drafts.
    /// </exception>
    public Branching(params ReadOnlySpan<int> candidates)
    {
        foreach (int count in candidates)
        {
            if (count is < 1 or > MaxCandidates)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(candidates), count,
                    $"Branching needs 1 to {MaxCandidates} candidates at each position; 4 at the first is usual.");
            }
        }

        _candidates = [.. candidates];
        if (CountBranches(candidates.Length) > MaxBranches)
        {
            throw new ArgumentOutOfRangeException(
                nameof(candidates), ToString(),
                $"Branching grows to more than {MaxBranches} codes beside the drafts; ask for fewer candidates, or at fewer positions.");
        }
    }

    /// <summary>Positions that have candidates.</summary>
    public int Depth => _candidates.IsDefault ? 0 : _candidates.Length;

    /// <summary>Candidates at the open position number <paramref name="depth"/>, counted from 0.</summary>
    public int this[int depth] => _candidates[depth];

    /// <summary>Reads numbers joined by <c>x</c>.</summary>
    /// <exception cref="FormatException">The text is not a legal branching.</exception>
    public static Branching Parse(string s) => TryParse(s, out Branching branching)
        ? branching
        : throw new FormatException($"'{s}' is no branching; it must be {Range}.");

    /// <inheritdoc cref="Parse"/>
    /// <returns>Whether the text is a legal branching.</returns>
    public static bool TryParse([NotNullWhen(true)] string? s, out Branching result)
    {
        result = default;
        string[] parts = s?.Split('x') ?? [];
        var candidates = new int[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out candidates[i])
                || candidates[i] is < 1 or > MaxCandidates)
                return false;
        }

        if (candidates.Length == 0 || CountBranches(candidates) > MaxBranches)
            return false;
        result = new Branching(candidates);
        return true;
    }

    static Branching IParsable<Branching>.Parse(string s, IFormatProvider? provider) => Parse(s);

    static bool IParsable<Branching>.TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out Branching result) =>
        TryParse(s, out result);

    /// <summary>Nodes of the tree beside the chain, if only the first <paramref name="drafts"/> positions have drafts.</summary>
    public int CountBranches(int drafts) => Depth == 0 ? 0 : CountBranches(_candidates.AsSpan()[..Math.Min(Depth, drafts)]);

    /// <summary>Whether the candidates are the same.</summary>
    public bool Equals(Branching other) =>
        Depth == other.Depth && (Depth == 0 || _candidates.AsSpan().SequenceEqual(other._candidates.AsSpan()));

    /// <inheritdoc/>
    public override int GetHashCode() => string.GetHashCode(ToString(), StringComparison.Ordinal);

    /// <summary>The numbers joined by <c>x</c>.</summary>
    public override string ToString() =>
        Depth == 0 ? "1" : string.Join('x', _candidates.Select(count => count.ToString(CultureInfo.InvariantCulture)));

    /// <summary>Counting ends above <see cref="MaxBranches"/>.</summary>
    private static int CountBranches(ReadOnlySpan<int> candidates)
    {
        (int branches, int paths) = (0, 1);
        foreach (int count in candidates)
        {
            paths *= count;
            branches += paths - 1;
            if (branches > MaxBranches)
                break;
        }

        return branches;
    }
}
