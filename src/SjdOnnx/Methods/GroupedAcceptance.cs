using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// GSD: SJD, but a draft stands with probability min(1, p(C)/q(C)), where C is the draft and its neighbors in the order of p. Probability
/// that moves between codes of about the same p then rejects nothing. Lossy: the test judges the group, but commits the draft itself.
/// </summary>
/// <remarks>
/// "Grouped Speculative Decoding", arXiv:2508.07747. The paper's groups also leave out codes that are far from the draft in the codebook. A
/// decoding method does not know the codebook's vectors, so here p alone defines the group. With groups of one code this is
/// <see cref="SpeculativeJacobi"/>.
/// </remarks>
public sealed record GroupedAcceptance : IDecodingMethod
{
    // The paper's code has 14, seven on each side; its tables go up to 50.
    private static readonly MethodOption<GroupedAcceptance, int> Size = MethodOption.Number<GroupedAcceptance, int>(
        "group-size", "neighbors that share a draft's test, half of them more probable and half less", 14, 0, 1024,
        method => method.GroupSize, (method, value) => method with { GroupSize = value });

    // The paper's δ.
    private static readonly MethodOption<GroupedAcceptance, float> Tolerance = MethodOption.Number<GroupedAcceptance, float>(
        "group-tolerance", "how far a neighbor's probability may lie from the draft's", 0.15f, 0, 1,
        method => method.GroupTolerance, (method, value) => method with { GroupTolerance = value });

    /// <summary>The method's name, guarantee and options.</summary>
    public static MethodDescriptor Descriptor { get; } = new(
        "gsd", "as sjd, but a draft is judged together with codes of about its probability", Exactness.Lossy,
        new GroupedAcceptance(), Size, Tolerance);

    MethodDescriptor IDecodingMethod.Descriptor => Descriptor;

    /// <summary>
    /// Neighbors that share a draft's test, half of them more probable than the draft and half less: 0 to 1024. 0 and 1 leave the draft
    /// alone.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of range.</exception>
    public int GroupSize { get; init => field = Size.Checked(value); } = Size.Default!.Value;

    /// <summary>How far a neighbor's probability may lie from the draft's, 0 to 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of range.</exception>
    public float GroupTolerance { get; init => field = Tolerance.Checked(value); } = Tolerance.Default!.Value;

    /// <inheritdoc/>
    public Verdict Verify(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        for (int position = window.Start; position < window.End; position++)
        {
            ReadOnlySpan<float> p = window.P(position);
            Span<float> q = window.Q(position);
            (double ofP, double ofQ) = SumGroup(p, q, window[position]);
            if (random.Uniform(position, Purpose.Accept) * ofQ >= ofP)
                return new Verdict(position - window.Start, Distribution.Replace(p, q, position, random));
        }

        return new Verdict(window.Drafts, random.Draw(window.P(window.End), window.End, Purpose.Draw));
    }

    /// <inheritdoc/>
    public void Redraft(Window window, PassRandom random) => JacobiDrafting.Redraft(window, random);

    /// <summary>The probabilities of the draft's group, by p and by q.</summary>
    private (double OfP, double OfQ) SumGroup(ReadOnlySpan<float> p, ReadOnlySpan<float> q, int draft)
    {
        Span<int> above = stackalloc int[GroupSize / 2];
        Span<int> below = stackalloc int[GroupSize / 2];
        (int countAbove, int countBelow) = (0, 0);
        for (int code = 0; code < p.Length; code++)
        {
            if (code == draft || !(Math.Abs(p[code] - p[draft]) <= GroupTolerance))
                continue;

            if (Precedes(p, draft, code))
                Offer(above, ref countAbove, p, code, rising: true);
            else
                Offer(below, ref countBelow, p, code, rising: false);
        }

        (double ofP, double ofQ) = (p[draft], q[draft]);
        foreach (int code in above[..countAbove])
            (ofP, ofQ) = (ofP + p[code], ofQ + q[code]);
        foreach (int code in below[..countBelow])
            (ofP, ofQ) = (ofP + p[code], ofQ + q[code]);
        return (ofP, ofQ);
    }

    /// <summary>Inserts a code at its rank into <paramref name="first"/>, or drops it if the span is full of codes before it.</summary>
    private static void Offer(Span<int> first, ref int count, ReadOnlySpan<float> p, int code, bool rising)
    {
        int place = count;
        while (place > 0 && Precedes(p, code, first[place - 1]) == rising)
            place--;
        if (place == first.Length)
            return;

        count = Math.Min(count + 1, first.Length);
        first[place..(count - 1)].CopyTo(first[(place + 1)..]);
        first[place] = code;
    }

    // ties are ordered by code
    private static bool Precedes(ReadOnlySpan<float> p, int code, int other) =>
        p[code] < p[other] || (p[code] == p[other] && code < other);
}
