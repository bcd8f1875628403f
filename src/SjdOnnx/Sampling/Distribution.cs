using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SjdOnnx.Sampling;

/// <summary>Operations on a row of probabilities.</summary>
public static class Distribution
{
    // A block is long enough for vector sums, and short enough to be searched code by code.
    private const int MinBlockLength = 256;
    private const int MaxBlocks = 1024;

    /// <summary>Overwrites <paramref name="row"/>: <paramref name="code"/> gets probability 1, all others 0.</summary>
    /// <returns><paramref name="code"/></returns>
    public static int PointMass(Span<float> row, int code)
    {
        row.Clear();
        row[code] = 1;
        return code;
    }

    /// <summary>
    /// Modified rejection sampling: keeps the draft with probability min(1, p/q), and otherwise draws a code from the residual
    /// max(0, p − q). If the draft was drawn from q, the result is distributed as p. No other method keeps the draft more often.
    /// </summary>
    /// <param name="p">[codes], sums to 1.</param>
    /// <param name="q">[codes], sums to 1. A rejection overwrites it with the residual.</param>
    /// <param name="draft">The code drawn from <paramref name="q"/>.</param>
    /// <param name="position">The draft's position: part of the addresses of the random numbers.</param>
    /// <param name="random">Draws the number for the test, and the replacement.</param>
    /// <returns>The draft, or the code that replaces it.</returns>
    /// <remarks>Leviathan et al., "Fast Inference from Transformers via Speculative Decoding", ICML 2023, arXiv:2211.17192.</remarks>
    public static int Settle(ReadOnlySpan<float> p, Span<float> q, int draft, int position, PassRandom random)
    {
        bool stands = random.Uniform(position, Purpose.Accept) * q[draft] < p[draft];
        return stands ? draft : Replace(p, q, position, random);
    }

    /// <summary>Draws the code that replaces a rejected draft from the residual max(0, p − q).</summary>
    /// <param name="p">[codes], sums to 1.</param>
    /// <param name="q">[codes], sums to 1. It is overwritten with the residual.</param>
    /// <param name="position">The draft's position: part of the random number's address.</param>
    /// <param name="random">Draws the replacement.</param>
    public static int Replace(ReadOnlySpan<float> p, Span<float> q, int position, PassRandom random)
    {
        Span<float> sums = stackalloc float[Blocks(q.Length)];
        SumResidual(p, q, sums);

        // If p and q differ by rounding only, the residual may be 0 everywhere; the replacement is then drawn from p.
        return Total(sums) > 0
            ? Pick(q, sums, random.Uniform(position, Purpose.Replace))
            : random.Draw(p, position, Purpose.Replace);
    }

    /// <summary>
    /// Inverts the cumulative distribution: returns the code at which the running sum of weights exceeds the fraction <paramref name="u"/>
    /// of the total.
    /// </summary>
    /// <param name="weights">[codes], 0 or more, at least one of them above 0. They need not sum to 1.</param>
    /// <param name="u">0 to below 1.</param>
    /// <returns>A code of a weight above 0.</returns>
    /// <exception cref="ArgumentException">The weights do not sum to a positive number.</exception>
    public static int Pick(ReadOnlySpan<float> weights, double u)
    {
        Span<float> sums = stackalloc float[Blocks(weights.Length)];
        int length = BlockLength(weights.Length);
        for (int block = 0; block < sums.Length; block++)
            sums[block] = Sum(Block(weights, block, length));

        return Pick(weights, sums, u);
    }

    private static int Pick(ReadOnlySpan<float> weights, ReadOnlySpan<float> sums, double u)
    {
        double left = u * Total(sums);
        int last = -1;
        for (int block = 0; block < sums.Length; block++)
        {
            if (!(sums[block] > 0)) // also true for NaN
                continue;

            last = block;
            if (left < sums[block])
                break;
            left -= sums[block];
        }

        if (last < 0)
            throw new ArgumentException("The weights do not sum to a positive number.", nameof(weights));

        int length = BlockLength(weights.Length);
        return (last * length) + PickInBlock(Block(weights, last, length), left);
    }

    private static int PickInBlock(ReadOnlySpan<float> weights, double left)
    {
        int last = 0;
        for (int i = 0; i < weights.Length && left >= 0; i++)
        {
            if (weights[i] <= 0)
                continue;

            last = i;
            left -= weights[i];
        }

        return last; // a remainder from rounding belongs to the last code with a weight above 0
    }

    /// <summary>Overwrites <paramref name="q"/> with the residual max(0, p − q), and computes the sum of each block.</summary>
    private static void SumResidual(ReadOnlySpan<float> p, Span<float> q, Span<float> sums)
    {
        int length = BlockLength(q.Length);
        for (int block = 0; block < sums.Length; block++)
            sums[block] = SumResidual(Block(p, block, length), q.Slice(block * length, Math.Min(length, q.Length - (block * length))));
    }

    private static float SumResidual(ReadOnlySpan<float> p, Span<float> q)
    {
        ReadOnlySpan<Vector512<float>> ps = MemoryMarshal.Cast<float, Vector512<float>>(p);
        Span<Vector512<float>> qs = MemoryMarshal.Cast<float, Vector512<float>>(q);
        Vector512<float> sums = Vector512<float>.Zero;
        for (int i = 0; i < qs.Length; i++)
        {
            Vector512<float> residual = Vector512.MaxNative(ps[i] - qs[i], Vector512<float>.Zero);
            sums += residual;
            qs[i] = residual;
        }

        float sum = Vector512.Sum(sums);
        for (int i = qs.Length * Vector512<float>.Count; i < q.Length; i++)
        {
            q[i] = Math.Max(p[i] - q[i], 0);
            sum += q[i];
        }

        return sum;
    }

    private static float Sum(ReadOnlySpan<float> weights)
    {
        ReadOnlySpan<Vector512<float>> vectors = MemoryMarshal.Cast<float, Vector512<float>>(weights);
        Vector512<float> sums = Vector512<float>.Zero;
        foreach (Vector512<float> vector in vectors)
            sums += vector;

        float sum = Vector512.Sum(sums);
        foreach (float weight in weights[(vectors.Length * Vector512<float>.Count)..])
            sum += weight;
        return sum;
    }

    // In double precision: a float sum of 65,536 small probabilities would lose the last ones.
    private static double Total(ReadOnlySpan<float> sums)
    {
        double total = 0;
        foreach (float sum in sums)
            total += sum;
        return total;
    }

    private static int BlockLength(int codes) => MinBlockLength * (1 + (codes / (MinBlockLength * MaxBlocks)));

    private static int Blocks(int codes) => (codes + BlockLength(codes) - 1) / BlockLength(codes);

    private static ReadOnlySpan<float> Block(ReadOnlySpan<float> weights, int block, int length) =>
        weights.Slice(block * length, Math.Min(length, weights.Length - (block * length)));
}
