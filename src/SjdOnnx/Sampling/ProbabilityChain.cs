using System.Numerics.Tensors;

namespace SjdOnnx.Sampling;

/// <summary>Turns logits into probabilities: guidance, temperature, top-k, top-p, softmax, in this order and in single precision.</summary>
/// <remarks>Not for two threads at once: it keeps one row of scratch memory.</remarks>
public sealed class ProbabilityChain
{
    private readonly SamplingOptions _options;
    private readonly float[] _scratch;

    /// <summary>A chain for rows of <paramref name="codes"/> logits.</summary>
    public ProbabilityChain(SamplingOptions options, int codes)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(codes, 1);
        _options = options;
        _scratch = new float[codes];
    }

    /// <summary>Computes a row of probabilities.</summary>
    /// <param name="conditional">[codes] logits given the prompt; −∞ rules a code out.</param>
    /// <param name="unconditional">[codes] logits without the prompt; may be empty if guidance is 1.</param>
    /// <param name="p">[codes] receives the probabilities, which sum to 1.</param>
    /// <exception cref="InvalidOperationException">A logit is NaN or +∞, or every code is ruled out; or guidance lacks the unconditional lane.</exception>
    public void Apply(ReadOnlySpan<float> conditional, ReadOnlySpan<float> unconditional, Span<float> p)
    {
        Guide(conditional, unconditional, p);
        int best = TensorPrimitives.IndexOfMax<float>(p);
        if (!float.IsFinite(p[best]))
            throw new InvalidOperationException($"The model's logits are not numbers to draw from: their maximum is {p[best]}.");

        if (_options.Temperature == 0)
        {
            Distribution.PointMass(p, best);
            return;
        }

        // The maximum is subtracted here since TensorPrimitives.SoftMax does not: it gives NaN from a logit of 89 on,
        // which guidance reaches. Subtracted before the division, so that no temperature overflows.
        TensorPrimitives.Subtract(p, p[best], p);
        TensorPrimitives.Divide(p, _options.Temperature, p);
        KeepTopK(p);
        TensorPrimitives.Exp(p, p);
        TensorPrimitives.Divide(p, TensorPrimitives.Sum<float>(p), p);
        KeepTopP(p);
    }

    private void Guide(ReadOnlySpan<float> conditional, ReadOnlySpan<float> unconditional, Span<float> guided)
    {
        float guidance = _options.Guidance;
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

    private void KeepTopK(Span<float> logits)
    {
        if (_options.TopK == 0 || _options.TopK >= logits.Length)
            return;

        logits.CopyTo(_scratch);
        float least = Selection.CountDown(_scratch, _options.TopK);
        DropBelow(logits, least, float.NegativeInfinity);
    }

    private void KeepTopP(Span<float> p)
    {
        if (_options.TopP == 1)
            return;

        p.CopyTo(_scratch);
        float least = Selection.SumDown(_scratch, _options.TopP);
        DropBelow(p, least, 0);
        TensorPrimitives.Divide(p, TensorPrimitives.Sum<float>(p), p);
    }

    private static void DropBelow(Span<float> row, float least, float dropped)
    {
        for (int code = 0; code < row.Length; code++)
            row[code] = row[code] < least ? dropped : row[code];
    }
}
