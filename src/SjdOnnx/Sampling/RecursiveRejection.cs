using System.Numerics.Tensors;

namespace SjdOnnx.Sampling;

/// <summary>Rejection sampling with several candidates that were drawn without replacement.</summary>
/// <remarks>
/// Jeon et al., "Recursive Speculative Decoding: Accelerating LLM Inference via Sampling Without Replacement", arXiv:2402.14160. With one
/// candidate it equals <see cref="Distribution.Settle"/>.
/// </remarks>
public static class RecursiveRejection
{
    /// <summary>
    /// Returns the first candidate that stands, or a code from the last residual if all candidates fall. The result is distributed as p.
    /// Each candidate is tested with the distribution it was drawn from: q without the earlier candidates, normalized. It is tested against
    /// the residual of the candidates that fell before it: max(0, p − q), normalized, once for each of them.
    /// </summary>
    /// <param name="p">[codes], sums to 1.</param>
    /// <param name="q">[codes], sums to 1: the distribution of the first candidate. It is overwritten.</param>
    /// <param name="candidates">1 or more different codes, each drawn from <paramref name="q"/> without those before it.</param>
    /// <param name="scratch">[codes]; overwritten.</param>
    /// <param name="position">The candidates' position: part of the addresses of the random numbers.</param>
    /// <param name="random">Draws a number for each candidate's test, and the replacement.</param>
    public static int Settle(
        ReadOnlySpan<float> p, Span<float> q, ReadOnlySpan<int> candidates, Span<float> scratch, int position, PassRandom random)
    {
        if (candidates.Length == 1)
            return Distribution.Settle(p, q, candidates[0], position, random);

        ReadOnlySpan<float> wanted = p;
        for (int i = 0; i < candidates.Length; i++)
        {
            int candidate = candidates[i];
            if (random.Uniform(position, Purpose.Accept, i) * q[candidate] < wanted[candidate])
                return candidate;

            TensorPrimitives.Subtract(wanted, q, scratch);
            TensorPrimitives.Max(scratch, 0, scratch);
            if (!Normalize(scratch)) // p and q differ by rounding only
                return random.Draw(p, position, Purpose.Replace);

            wanted = scratch;
            q[candidate] = 0;
            Normalize(q);
        }

        return random.Draw(wanted, position, Purpose.Replace);
    }

    private static bool Normalize(Span<float> row)
    {
        float sum = TensorPrimitives.Sum<float>(row);
        if (sum > 0)
            TensorPrimitives.Divide(row, sum, row);
        return sum > 0;
    }
}
