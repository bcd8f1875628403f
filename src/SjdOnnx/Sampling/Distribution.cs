using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SjdOnnx.Sampling;

/// <summary>What decoding does with a row of probabilities.</summary>
public static class Distribution
{
    // Long enough for vector sums, short enough that walking one block costs little.
    private const int LeastBlockLength = 256;
    private const int MostBlocks = 1024;

    /// <summary>Overwrites <paramref name="row"/> with all the probability on <paramref name="code"/>.</summary>
    /// <returns><paramref name="code"/></returns>
    public static int PointMass(Span<float> row, int code)
    {
        row.Clear();
        row[code] = 1;
        return code;
    }

    /// <summary>
    /// Modified rejection sampling: <paramref name="draft"/> if it stands, which it does with probability min(1, p/q), otherwise a code
    /// drawn from max(0, p − q). So a draft drawn from q becomes a code drawn from p, and stays itself as often as any procedure can
    /// have it.
    /// </summary>
    /// <param name="p">[codes]</param>
    /// <param name="q">[codes]; spent: a rejection overwrites it with the residual.</param>
    /// <param name="draft">The code drawn from <paramref name="q"/>.</param>
    /// <param name="position">The draft's position: part of the addresses of the random numbers.</param>
    /// <param name="random">Gives the coin and the replacement.</param>
    /// <remarks>Leviathan et al., "Fast Inference from Transformers via Speculative Decoding", ICML 2023, arXiv:2211.17192.</remarks>
    public static int Settle(ReadOnlySpan<float> p, Span<float> q, int draft, int position, PassRandom random)
    {
        bool stands = random.Uniform(position, Purpose.Accept) * q[draft] < p[draft];
        return stands ? draft : Replace(p, q, position, random);
    }

    /// <summary>Draws a code from what p has over q, max(0, p − q): what replaces a draft that fell.</summary>
    /// <param name="p">[codes]</param>
    /// <param name="q">[codes]; the residual overwrites it.</param>
    public static int Replace(ReadOnlySpan<float> p, Span<float> q, int position, PassRandom random)
    {
        Span<float> sums = stackalloc float[Blocks(q.Length)];
        SumResidual(p, q, sums);

        // where p and q differ by rounding alone, nothing may be left, and then p is what the residual stands for
        return Total(sums) > 0
            ? Pick(q, sums, random.Uniform(position, Purpose.Replace))
            : random.Draw(p, position, Purpose.Replace);
    }

    /// <summary>Inverts the cumulative distribution: the code at which the running sum passes <paramref name="u"/> of the total.</summary>
    /// <param name="weights">[codes], 0 or more, at least one of them above 0; need not sum to 1.</param>
    /// <param name="u">0 to below 1.</param>
    /// <returns>Never a code of weight 0.</returns>
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
            if (!(sums[block] > 0)) // not a number, either
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

        return last; // rounding may leave a little over; it belongs to the last code that has any weight
    }

    /// <summary>Overwrites <paramref name="q"/> with max(0, p − q), and gives the sum of each of its blocks.</summary>
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

    // In double: among 65,536 small probabilities a float sum would lose the late ones.
    private static double Total(ReadOnlySpan<float> sums)
    {
        double total = 0;
        foreach (float sum in sums)
            total += sum;
        return total;
    }

    private static int BlockLength(int codes) => LeastBlockLength * (1 + (codes / (LeastBlockLength * MostBlocks)));

    private static int Blocks(int codes) => (codes + BlockLength(codes) - 1) / BlockLength(codes);

    private static ReadOnlySpan<float> Block(ReadOnlySpan<float> weights, int block, int length) =>
        weights.Slice(block * length, Math.Min(length, weights.Length - (block * length)));
}
