using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Sampling;

public sealed class ThresholdTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(17, 3)]
    [InlineData(100, 7)]
    [InlineData(100, 1000)]
    [InlineData(300, 100_000)]
    public void The_largest_values_are_those_of_the_sorted_row(int length, int levels)
    {
        float[] values = [.. Values(length, levels).Select(value => value - (levels / 2))]; // of both signs
        float[] sorted = [.. values.OrderDescending()];
        for (int count = 1; count <= length; count++)
            AssertSeparates(sorted[count - 1], Threshold.OfCount(values, count, sorted[0]), values);
    }

    [Theory]
    [InlineData(17, 3)]
    [InlineData(100, 7)]
    [InlineData(100, 1000)]
    public void The_fewest_values_that_reach_a_sum_are_those_of_the_sorted_row(int length, int levels)
    {
        float[] values = Values(length, levels); // whole numbers add up exactly
        float sum = 0;
        foreach (float value in values.OrderDescending().TakeWhile(value => value > 0))
        {
            AssertSeparates(value, Threshold.OfSum(values, sum + 0.5f, values.Max()), values);
            sum += value;
            AssertSeparates(value, Threshold.OfSum(values, sum, values.Max()), values);
        }

        AssertSeparates(values.Min(), Threshold.OfSum(values, sum + 1, values.Max()), values);
    }

    [Fact]
    public void Minus_infinity_is_the_smallest_value()
    {
        float[] values = [float.NegativeInfinity, 2, float.NegativeInfinity, -5];

        AssertSeparates(2, Threshold.OfCount(values, 1, most: 2), values);
        AssertSeparates(-5, Threshold.OfCount(values, 2, most: 2), values);
        AssertSeparates(float.NegativeInfinity, Threshold.OfCount(values, 3, most: 2), values);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(16)]
    [InlineData(37)]
    public void Values_below_the_threshold_are_dropped(int length)
    {
        float[] values = Values(length, 10);
        float[] expected = [.. values.Select(value => value < 4 ? 0 : value)];

        float sum = Threshold.DropBelow(values, 4);

        Assert.Equal(expected, values);
        Assert.Equal(expected.Sum(), sum);
    }

    [Fact]
    public void The_largest_float_can_be_separated_from_the_rest()
    {
        float[] values = [float.MaxValue, 1, float.MinValue, 1];

        AssertSeparates(float.MaxValue, Threshold.OfCount(values, 1, float.MaxValue), values);
        AssertSeparates(1, Threshold.OfCount(values, 2, float.MaxValue), values); // both, because they tie
        AssertSeparates(float.MinValue, Threshold.OfCount(values, 4, float.MaxValue), values);
    }

    private static void AssertSeparates(float leastKept, float threshold, float[] values) =>
        Assert.Equal(values.Where(value => value >= leastKept), values.Where(value => value >= threshold));

    private static float[] Values(int length, int levels)
    {
        PassRandom random = new Randomness((ulong)levels).At(0);
        return [.. Enumerable.Range(0, length).Select(i => MathF.Floor((float)(random.Uniform(i, Purpose.Draw) * levels)))];
    }
}
