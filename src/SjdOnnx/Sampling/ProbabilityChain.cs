using System.Numerics.Tensors;

namespace SjdOnnx.Sampling;

/// <summary>Turns logits into probabilities: guidance, temperature, top-k, top-p, softmax, in this order and in single precision.</summary>
public sealed class ProbabilityChain(SamplingOptions options)
{
    /// <summary>Computes a row of probabilities.</summary>
    /// <param name="conditional">[codes] logits given the prompt; −∞ rules a code out.</param>
    /// <param name="unconditional">[codes] logits without the prompt; may be empty if guidance is 1.</param>
    /// <param name="p">[codes] receives the probabilities, which sum to 1.</param>
    /// <exception cref="InvalidOperationException">
    /// A logit is NaN or +∞, or every code is ruled out, or guidance lacks the unconditional lane.
    /// </exception>
    public void Apply(ReadOnlySpan<float> conditional, ReadOnlySpan<float> unconditional, Span<float> p)
    {
        Guide(conditional, unconditional, p);
        float largest = TensorPrimitives.Max<float>(p);
        if (!float.IsFinite(largest))
            throw new InvalidOperationException($"The model's logits are not numbers to draw from: their maximum is {largest}.");

        if (options.Temperature == 0)
        {
            Distribution.PointMass(p, p.IndexOf(largest));
            return;
        }

        // The maximum is subtracted here since TensorPrimitives.SoftMax does not: it gives NaN from a logit of 89 on,
        // which guidance reaches. Subtracted before the division, so that no temperature overflows.
        TensorPrimitives.Subtract(p, largest, p);
        TensorPrimitives.Divide(p, options.Temperature, p);
        if (options.TopK > 0 && options.TopK < p.Length)
            Threshold.DropBelow(p, Threshold.OfCount(p, options.TopK), float.NegativeInfinity);

        TensorPrimitives.Exp(p, p);
        Normalise(p);
        if (options.TopP < 1)
        {
            Threshold.DropBelow(p, Threshold.OfSum(p, options.TopP), 0);
            Normalise(p);
        }
    }

    private void Guide(ReadOnlySpan<float> conditional, ReadOnlySpan<float> unconditional, Span<float> guided)
    {
        float guidance = options.Guidance;
        if (guidance == 1)
        {
            conditional.CopyTo(guided);
            return;
        }

        if (unconditional.IsEmpty)
            throw new InvalidOperationException($"A guidance of {guidance} needs the unconditional lane, which the model does not run.");

        TensorPrimitives.Subtract(conditional, unconditional, guided);
        TensorPrimitives.MultiplyAdd(guided, guidance, unconditional, guided);

        // ∞ − ∞ is no number: a code that a lane rules out stays ruled out
        if (!float.IsFinite(TensorPrimitives.Max<float>(guided)))
            RuleOut(conditional, unconditional, guided);
    }

    private static void RuleOut(ReadOnlySpan<float> conditional, ReadOnlySpan<float> unconditional, Span<float> guided)
    {
        for (int code = 0; code < guided.Length; code++)
        {
            if (float.IsNegativeInfinity(conditional[code]) || float.IsNegativeInfinity(unconditional[code]))
                guided[code] = float.NegativeInfinity;
        }
    }

    private static void Normalise(Span<float> p) => TensorPrimitives.Divide(p, TensorPrimitives.Sum<float>(p), p);
}
