using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// GSD: SJD, but a draft stands with probability min(1, p(C)/q(C)), C being the draft and its neighbours in the order of p: probability
/// that moved from a code to another of about the same p rejects nothing. Lossy: the group is judged and the draft itself committed.
/// </summary>
/// <remarks>
/// "Grouped Speculative Decoding", arXiv:2508.07747. Its groups also leave out codes far from the draft in the codebook; a decoding
/// method does not know the codebook's vectors, so here only p says what is alike. With groups of one code it is
/// <see cref="SpeculativeJacobi"/>.
/// </remarks>
public sealed class GroupedAcceptance(DecodingOptions options) : IDecodingMethod
{
    /// <inheritdoc/>
    public string Name => "gsd";

    /// <inheritdoc/>
    public bool IsExact => false;

    /// <inheritdoc/>
    public int WindowSize => options.WindowSize;

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
    public void Redraft(Window window, PassRandom random) => JacobiDrafting.Redraft(window, options.Initialisation, random);

    /// <summary>What p and q have in the draft's group.</summary>
    private (double OfP, double OfQ) SumGroup(ReadOnlySpan<float> p, ReadOnlySpan<float> q, int draft)
    {
        Span<int> above = stackalloc int[options.GroupSize / 2];
        Span<int> below = stackalloc int[options.GroupSize / 2];
        (int countAbove, int countBelow) = (0, 0);
        for (int code = 0; code < p.Length; code++)
        {
            if (code == draft || !(Math.Abs(p[code] - p[draft]) <= options.GroupTolerance))
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

    /// <summary>Puts a code in its place among the first ones of a row, or nowhere if there are enough before it.</summary>
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

    // of codes that tie, the order is their own
    private static bool Precedes(ReadOnlySpan<float> p, int code, int other) => p[code] < p[other] || (p[code] == p[other] && code < other);
}
