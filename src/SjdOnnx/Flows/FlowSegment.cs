using SjdOnnx.FixedPoints;

namespace SjdOnnx.Flows;

/// <summary>
/// Consecutive tokens of a block that are solved side by side, as a causal system: the unknowns are the tokens that follow the segment's
/// inputs, and an update sets each to exp(s) z + u of the iterate.
/// </summary>
/// <param name="block">The block's network. Its cache holds the tokens before the segment.</param>
/// <param name="z">The block's noise: [tokens × channels].</param>
/// <param name="x">The block's tokens: [tokens × channels]. They are solved up to <paramref name="first"/>; the others are guesses.</param>
/// <param name="first">The first input, which is solved.</param>
/// <param name="count">Inputs, 1 or more. The unknowns are one position later.</param>
/// <param name="plan">The measure of a change, and the limit of a number.</param>
internal sealed class FlowSegment(IFlowBlock block, float[] z, float[] x, int first, int count, BlockPlan plan) : ICausalSystem
{
    private readonly float[] _scale = new float[count * block.Channels];
    private readonly float[] _shift = new float[count * block.Channels];

    public Change Update(CancellationToken cancellation)
    {
        int channels = block.Channels;
        block.Run(first, x.AsSpan(first * channels, count * channels), _scale, _shift, cancellation);
        Span<float> unknown = x.AsSpan((first + 1) * channels, count * channels);
        ReadOnlySpan<float> noise = z.AsSpan((first + 1) * channels, count * channels);
        (int equal, double sum, float largest, bool isFinite) = (unknown.Length, 0, 0, true);
        for (int i = 0; i < unknown.Length; i++)
        {
            float next = (MathF.Exp(_scale[i]) * noise[i]) + _shift[i];
            if (plan.Limit is float limit)
                next = Math.Clamp(next, -limit, limit); // NaN stays NaN
            float change = MathF.Abs(next - unknown[i]);
            isFinite &= float.IsFinite(next);
            largest = Math.Max(largest, change);
            sum += (double)change * change;
            if (change != 0)
                equal = Math.Min(equal, i);
            unknown[i] = next;
        }

        double residual = plan.Measure == ChangeMeasure.Largest ? largest : Math.Sqrt(sum) / channels;
        return new Change(equal / channels, residual, isFinite);
    }
}
