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
    private int _settled; // inputs at the beginning that the next update need not read again, because the cache holds them

    /// <summary>Inputs that the last update read.</summary>
    public int Rows { get; private set; }

    public Change Update(CancellationToken cancellation)
    {
        int channels = block.Channels;
        Rows = count - _settled;
        int length = Rows * channels;
        int start = (first + _settled) * channels;
        block.Run(first + _settled, x.AsSpan(start, length), _scale.AsSpan(..length), _shift.AsSpan(..length), cancellation);
        Span<float> unknown = x.AsSpan(start + channels, length);
        ReadOnlySpan<float> noise = z.AsSpan(start + channels, length);
        double settles = plan.Measure == ChangeMeasure.Largest ? plan.Tolerance : 0;
        (int equal, double sum, float largest, bool isFinite) = (length, 0, 0, true);
        for (int i = 0; i < length; i++)
        {
            float next = (MathF.Exp(_scale[i]) * noise[i]) + _shift[i];
            if (plan.Limit is float limit)
                next = Math.Clamp(next, -limit, limit); // NaN stays NaN
            float change = MathF.Abs(next - unknown[i]);
            isFinite &= float.IsFinite(next);
            largest = Math.Max(largest, change);
            sum += (double)change * change;
            if (!(change <= settles))
                equal = Math.Min(equal, i);
            unknown[i] = next;
        }

        int before = _settled;
        equal /= channels;
        // Input i + 1 is unknown i. The unknown after the equal ones comes from inputs that did not change, so it is settled too.
        if (plan.SkipsSettled && isFinite)
            _settled = Math.Min(_settled + equal + 1, count - 1);
        return new Change(before + equal, plan.Measure == ChangeMeasure.Largest ? largest : Math.Sqrt(sum) / channels, isFinite);
    }
}
