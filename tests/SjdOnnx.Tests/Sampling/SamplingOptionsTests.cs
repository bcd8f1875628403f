using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Sampling;

public sealed class SamplingOptionsTests
{
    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(-0.001f)]
    [InlineData(100.001f)]
    public void Guidance_and_temperature_outside_0_to_100_are_refused(float value)
    {
        var guidance = Assert.Throws<ArgumentOutOfRangeException>(() => new SamplingOptions { Guidance = value });
        Assert.Contains("Guidance must be between 0 and 100", guidance.Message, StringComparison.Ordinal);
        Assert.Equal(value, guidance.ActualValue);

        var temperature = Assert.Throws<ArgumentOutOfRangeException>(() => new SamplingOptions { Temperature = value });
        Assert.Contains("Temperature must be between 0 and 100", temperature.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1.001f)]
    public void A_top_p_outside_0_to_1_is_refused(float value)
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new SamplingOptions { TopP = value });
        Assert.Contains("above 0 and at most 1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_negative_top_k_is_refused()
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new SamplingOptions { TopK = -1 });
        Assert.Contains("TopK must be 0 or more", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_ends_of_the_sampling_ranges_are_accepted()
    {
        _ = new SamplingOptions { Guidance = 0, Temperature = 0, TopK = 0, TopP = float.Epsilon };
        _ = new SamplingOptions { Guidance = 100, Temperature = 100, TopK = int.MaxValue, TopP = 1 };
    }
}
