using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Sampling;

public sealed class SamplingOptionsTests
{
    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(-0.001f)]
    [InlineData(100.001f)]
    public void Guidance_and_temperature_have_limits(float value)
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
    public void So_has_top_p(float value)
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new SamplingOptions { TopP = value });
        Assert.Contains("above 0 and at most 1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void So_has_top_k()
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new SamplingOptions { TopK = -1 });
        Assert.Contains("TopK must be 0 or more", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_limits_themselves_are_legal()
    {
        _ = new SamplingOptions { Guidance = 0, Temperature = 0, TopK = 0, TopP = float.Epsilon };
        _ = new SamplingOptions { Guidance = 100, Temperature = 100, TopK = int.MaxValue, TopP = 1 };
    }
}
