using System.Numerics.Tensors;

namespace SjdOnnx.Sampling;

/// <summary>The rejection sampler for several candidates that were drawn one after another, none of them twice.</summary>
/// <remarks>
/// Jeon et al., "Recursive Speculative Decoding: Accelerating LLM Inference via Sampling Without Replacement", arXiv:2402.14160. With one
/// candidate it is <see cref="Distribution.Settle"/>.
/// </remarks>
public static class RecursiveRejection
{
    /// <summary>
    /// The first candidate that stands, or a code drawn from what is left of p when all have fallen: distributed as p. Candidate k is
    /// tested with the q it was drawn from, which is q without those before it, and with what is left of p once those have fallen: max(0, p
    /// − q), normalised, time after time.
    /// </summary>
    /// <param name="p">[codes]</param>
    /// <param name="q">[codes]; the law of the first candidate. Spent.</param>
    /// <param name="candidates">1 or more different codes, each drawn from <paramref name="q"/> without those before it.</param>
    /// <param name="scratch">[codes]; overwritten.</param>
    /// <param name="position">The candidates' position: part of the addresses of the random numbers.</param>
    /// <param name="random">Gives a coin to each candidate, and the replacement.</param>
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
            if (!Normalise(scratch)) // the two differ by rounding alone
                return random.Draw(p, position, Purpose.Replace);

            wanted = scratch;
            q[candidate] = 0;
            Normalise(q);
        }

        return random.Draw(wanted, position, Purpose.Replace);
    }

    private static bool Normalise(Span<float> row)
    {
        float sum = TensorPrimitives.Sum<float>(row);
        if (sum > 0)
            TensorPrimitives.Divide(row, sum, row);
        return sum > 0;
    }
}
