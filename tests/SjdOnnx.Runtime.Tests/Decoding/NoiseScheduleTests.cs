using SjdOnnx.Runtime.Decoding;
using SjdOnnx.Runtime.Model;

namespace SjdOnnx.Runtime.Tests.Decoding;

public class NoiseScheduleTests
{
    private static readonly NoiseSchedule Schedule = new(new DenoisingSection
    {
        Steps = 4,
        Hidden = 8,
        Normalisation = "channel",
        Levels = "added",
        Alpha = [1, 0.5f, 0.2f, 0],
        Sigma = [0, 0.6f, 0.9f, 1.1f],
    });

    [Theory]
    [InlineData(0, 1, 0)]
    [InlineData(1f / 3, 0.5, 0.6)]
    [InlineData(0.5, 0.35, 0.75)]
    [InlineData(1, 0, 1.1)]
    public void Between_entries_it_is_straight(float level, float alpha, float sigma)
    {
        Assert.Equal(alpha, Schedule.At(level).Alpha, 1e-6f);
        Assert.Equal(sigma, Schedule.At(level).Sigma, 1e-6f);
    }

    /// <summary>A step leaves an embedding of level a, whose code and noise are known, at level b: that is what it is for.</summary>
    [Theory]
    [InlineData(1, 0.5)]
    [InlineData(0.9, 0.2)]
    [InlineData(0.5, 0)]
    [InlineData(1, 0)]
    public void A_step_with_the_right_estimate_keeps_the_noise(float from, float to)
    {
        const float code = 1.7f, noise = -0.4f;
        (float alpha, float sigma) = Schedule.At(from);
        (float keep, float add) = Schedule.Step(from, to);

        (float alphaBelow, float sigmaBelow) = Schedule.At(to);
        Assert.Equal((alphaBelow * code) + (sigmaBelow * noise), (keep * ((alpha * code) + (sigma * noise))) + (add * code), 1e-5f);
    }

    [Fact]
    public void The_last_step_lands_on_the_estimate() => Assert.Equal((0, 1), Schedule.Step(0.25f, 0));
}
