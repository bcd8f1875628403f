using System.Numerics.Tensors;

namespace SjdOnnx.Sampling;

/// <summary>What decoding does with a row of probabilities.</summary>
public static class Distribution
{
    // Long enough for vector sums, short enough that walking one block costs little.
    private const int BlockLength = 64;

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
        if (random.Uniform(position, Purpose.Accept) * q[draft] < p[draft])
            return draft;

        Span<float> residual = q;
        TensorPrimitives.Subtract(p, q, residual);
        TensorPrimitives.Max(residual, 0, residual);

        // where p and q differ by rounding alone, nothing may be left, and then p is what the residual stands for
        return random.Draw(Total(residual) > 0 ? residual : p, position, Purpose.Replace);
    }

    /// <summary>Inverts the cumulative distribution: the code at which the running sum passes <paramref name="u"/> of the total.</summary>
    /// <param name="weights">[codes], 0 or more, at least one of them above 0; need not sum to 1.</param>
    /// <param name="u">0 to below 1.</param>
    /// <returns>Never a code of weight 0.</returns>
    /// <exception cref="ArgumentException">The weights do not sum to a positive number.</exception>
    public static int Pick(ReadOnlySpan<float> weights, double u)
    {
        double left = u * Total(weights);
        int last = -1;
        for (int start = 0; start < weights.Length; start += BlockLength)
        {
            ReadOnlySpan<float> block = Block(weights, start);
            double sum = TensorPrimitives.Sum(block);
            if (!(sum > 0)) // not a number, either
                continue;

            last = start;
            if (left < sum)
                break;
            left -= sum;
        }

        if (last < 0)
            throw new ArgumentException("The weights do not sum to a positive number.", nameof(weights));
        return last + PickInBlock(Block(weights, last), left);
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

    // Sums of blocks in double: among 65,536 small probabilities a float sum would lose the late ones.
    private static double Total(ReadOnlySpan<float> weights)
    {
        double total = 0;
        for (int start = 0; start < weights.Length; start += BlockLength)
            total += TensorPrimitives.Sum(Block(weights, start));
        return total;
    }

    private static ReadOnlySpan<float> Block(ReadOnlySpan<float> weights, int start) =>
        weights.Slice(start, Math.Min(BlockLength, weights.Length - start));
}
