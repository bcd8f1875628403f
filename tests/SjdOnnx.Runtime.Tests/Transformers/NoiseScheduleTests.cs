using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Transformers;

namespace SjdOnnx.Runtime.Tests.Transformers;

public class NoiseScheduleTests
{
    private static readonly NoiseSchedule Schedule = new(new DenoisingSection
    {
        Steps = 4,
        Hidden = 8,
        Normalization = "channel",
        Levels = "added",
        Alpha = [1, 0.5f, 0.2f, 0],
        Sigma = [0, 0.6f, 0.9f, 1.1f],
    });

    [Theory]
    [InlineData(0, 1, 0)]
    [InlineData(1f / 3, 0.5, 0.6)]
    [InlineData(0.5, 0.35, 0.75)]
    [InlineData(1, 0, 1.1)]
    public void Between_two_levels_the_schedule_is_interpolated(float level, float alpha, float sigma)
    {
        Assert.Equal(alpha, Schedule.At(level).Alpha, 1e-6f);
        Assert.Equal(sigma, Schedule.At(level).Sigma, 1e-6f);
    }

    /// <summary>A step brings an embedding, whose code and noise are known here, from one level to another.</summary>
    [Theory]
    [InlineData(1, 0.5)]
    [InlineData(0.9, 0.2)]
    [InlineData(0.5, 0)]
    [InlineData(1, 0)]
    public void A_denoising_step_with_the_right_estimate_leads_to_the_embedding_of_the_lower_level(float from, float to)
    {
        const float code = 1.7f, noise = -0.4f;
        (float alpha, float sigma) = Schedule.At(from);
        (float keep, float add) = Schedule.Step(from, to);

        (float alphaBelow, float sigmaBelow) = Schedule.At(to);
        Assert.Equal((alphaBelow * code) + (sigmaBelow * noise), (keep * ((alpha * code) + (sigma * noise))) + (add * code), 1e-5f);
    }

    /// <summary>What timestep_encoding of export/sjdexport/denoising.py gives for 0.6 and 8 channels.</summary>
    [Fact]
    public void A_timestep_token_encodes_sigma_as_in_training()
    {
        float[] expected =
            [-1.412832f, -1.346915f, 1.357886f, 1.167201f, 0.062483f, -0.431067f, -0.395153f, 0.798525f];
        Assert.All(expected.Zip(Schedule.Timestep(1f / 3)), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
    }

    [Fact]
    public void The_last_denoising_step_gives_the_estimate_itself() => Assert.Equal((0, 1), Schedule.Step(0.25f, 0));
}
