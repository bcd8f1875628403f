using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SjdOnnx.Sampling;

/// <summary>
/// Turns logits into probabilities in single precision. The steps are guidance, temperature, top-k, top-p and softmax, in this order.
/// </summary>
/// <remarks>
/// The steps share as few loops over a row as possible, because a row of 16,384 codes does not fit into the first-level cache.
/// </remarks>
/// <param name="options">The settings of the steps.</param>
public sealed class ProbabilityChain(SamplingOptions options)
{
    /// <summary>Computes a row of probabilities.</summary>
    /// <param name="conditional">[codes] logits given the prompt. −∞ rules a code out.</param>
    /// <param name="unconditional">[codes] logits without the prompt. May be empty if guidance is 1.</param>
    /// <param name="p">[codes] receives the probabilities, which sum to 1.</param>
    /// <exception cref="NotFiniteNumberException">A logit is NaN or +∞, or every code is ruled out.</exception>
    /// <exception cref="InvalidOperationException">Guidance is not 1 and the unconditional lane is empty.</exception>
    public void Apply(ReadOnlySpan<float> conditional, ReadOnlySpan<float> unconditional, Span<float> p)
    {
        float largest = Guide(conditional, unconditional, p);
        if (!float.IsFinite(largest))
            throw new NotFiniteNumberException($"The model's logits are not numbers to draw from: their maximum is {largest}.", largest);

        if (options.Temperature == 0)
        {
            Distribution.PointMass(p, p.IndexOf(largest));
            return;
        }

        float least = options.TopK > 0 && options.TopK < p.Length
            ? Threshold.OfCount(p, options.TopK, largest)
            : float.NegativeInfinity;

        float sum = Exponentiate(p, largest, least);
        if (options.TopP < 1)
            sum = Threshold.DropBelow(p, Threshold.OfSum(p, options.TopP * sum, most: 2)); // no value exceeds exp(0) by more than rounding

        TensorPrimitives.Divide(p, sum, p);
    }

    /// <summary>Applies guidance to the two lanes.</summary>
    /// <returns>The largest guided logit. It is not finite if no code can be drawn from the row.</returns>
    private float Guide(ReadOnlySpan<float> conditional, ReadOnlySpan<float> unconditional, Span<float> guided)
    {
        float guidance = options.Guidance;
        if (guidance == 1)
        {
            conditional.CopyTo(guided);
            return TensorPrimitives.Max<float>(guided);
        }

        if (unconditional.IsEmpty)
            throw new InvalidOperationException($"A guidance of {guidance} needs the unconditional lane, which the model does not run.");

        ReadOnlySpan<Vector512<float>> cs = MemoryMarshal.Cast<float, Vector512<float>>(conditional);
        ReadOnlySpan<Vector512<float>> us = MemoryMarshal.Cast<float, Vector512<float>>(unconditional);
        Span<Vector512<float>> vectors = MemoryMarshal.Cast<float, Vector512<float>>(guided);
        Vector512<float> largest = Vector512.Create(float.NegativeInfinity);
        Vector512<float> numbers = Vector512<float>.AllBitsSet;
        for (int i = 0; i < vectors.Length; i++)
        {
            Vector512<float> mixed = ((cs[i] - us[i]) * guidance) + us[i];
            largest = Vector512.MaxNative(largest, mixed);
            numbers &= Vector512.LessThan(mixed, Vector512.Create(float.PositiveInfinity));
            vectors[i] = mixed;
        }

        float most = Max(largest);
        bool allNumbers = Vector512.EqualsAll(numbers.AsInt32(), Vector512<int>.AllBitsSet);
        for (int code = vectors.Length * Vector512<float>.Count; code < guided.Length; code++)
        {
            float mixed = ((conditional[code] - unconditional[code]) * guidance) + unconditional[code];
            most = Math.Max(most, mixed);
            allNumbers &= mixed < float.PositiveInfinity;
            guided[code] = mixed;
        }

        return allNumbers ? most : RuleOut(conditional, unconditional, guided);
    }

    /// <summary>Sets codes that a lane rules out to −∞, because ∞ − ∞ made them NaN.</summary>
    /// <returns>The largest guided logit.</returns>
    private static float RuleOut(ReadOnlySpan<float> conditional, ReadOnlySpan<float> unconditional, Span<float> guided)
    {
        for (int code = 0; code < guided.Length; code++)
        {
            if (float.IsNegativeInfinity(conditional[code]) || float.IsNegativeInfinity(unconditional[code]))
                guided[code] = float.NegativeInfinity;
        }

        return TensorPrimitives.Max<float>(guided);
    }

    /// <summary>
    /// Overwrites logits with exp((logit − largest) / temperature), and those below <paramref name="least"/> with 0.
    /// </summary>
    /// <returns>The sum of the new values.</returns>
    private float Exponentiate(Span<float> row, float largest, float least)
    {
        Span<Vector512<float>> vectors = MemoryMarshal.Cast<float, Vector512<float>>(row);
        Vector512<float> sums = Vector512<float>.Zero;
        foreach (ref Vector512<float> vector in vectors)
        {
            vector = Exponential(vector, largest, least);
            sums += vector;
        }

        Span<float> rest = row[(vectors.Length * Vector512<float>.Count)..];
        if (!rest.IsEmpty)
        {
            Span<float> padded = stackalloc float[Vector512<float>.Count];
            padded.Fill(float.NegativeInfinity);
            rest.CopyTo(padded);
            Vector512<float> vector = Exponential(Vector512.Create<float>(padded), largest, least);
            vector.CopyTo(padded);
            padded[..rest.Length].CopyTo(rest);
            sums += vector;
        }

        return Vector512.Sum(sums);
    }

    // The maximum is subtracted because the exponential of a guided logit may overflow. It is subtracted before the division, so that no
    // temperature makes the division overflow.
    private Vector512<float> Exponential(Vector512<float> logits, float largest, float least)
    {
        Vector512<float> exponents = logits - Vector512.Create(largest);
        if (options.Temperature != 1)
            exponents /= Vector512.Create(options.Temperature);

        Vector512<float> kept = Vector512.GreaterThanOrEqual(logits, Vector512.Create(least));
        return Vector512.ConditionalSelect(kept, Vector512.Exp(exponents), Vector512<float>.Zero);
    }

    private static float Max(Vector512<float> vector)
    {
        float most = vector[0];
        for (int i = 1; i < Vector512<float>.Count; i++)
            most = Math.Max(most, vector[i]);
        return most;
    }
}
