using SjdOnnx.Flows;

namespace SjdOnnx.Tests.Flows;

public class FlowGuidanceTests
{
    [Fact]
    public void Annealed_guidance_rises_from_the_first_token_to_the_last()
    {
        var guidance = new FlowGuidance { Strength = 3 };
        Assert.Equal([0, 1, 2, 3], Enumerable.Range(0, 4).Select(position => guidance.At(position, tokens: 4)));
    }

    [Fact]
    public void Constant_guidance_is_the_same_everywhere()
    {
        var guidance = new FlowGuidance { Strength = 3, Schedule = GuidanceSchedule.Constant };
        Assert.All(Enumerable.Range(0, 4), position => Assert.Equal(3, guidance.At(position, tokens: 4)));
    }

    [Fact]
    public void The_results_with_and_without_a_class_are_pulled_apart_by_the_strength_at_the_next_token()
    {
        var guidance = new FlowGuidance { Strength = 1.5f };
        (ToyBlock with, ToyBlock without) = (new ToyBlock(1), new ToyBlock(2));
        var guided = new GuidedBlock(new ToyBlock(1), new ToyBlock(2), guidance);
        float[] rows = ToyBlock.Noise()[..6];
        float[] s = new float[6], u = new float[6], s1 = new float[6], u1 = new float[6], s2 = new float[6], u2 = new float[6];
        guided.Run(0, rows, s, u, default);
        with.Run(0, rows, s1, u1, default);
        without.Run(0, rows, s2, u2, default);
        for (int i = 0; i < 6; i++)
        {
            float strength = 1.5f * ((i / 2) + 1) / 15;
            Assert.Equal(s1[i] + (strength * (s1[i] - s2[i])), s[i], 1e-6f);
            Assert.Equal(u1[i] + (strength * (u1[i] - u2[i])), u[i], 1e-6f);
        }
    }

    [Theory]
    [InlineData(GuidanceSchedule.Annealed)]
    [InlineData(GuidanceSchedule.Constant)]
    public void All_ways_agree_with_guidance(GuidanceSchedule schedule)
    {
        float[] sequential = Sample(FlowPlan.Sequential(1));
        foreach (int segments in (int[])[1, 2, 8])
            Assert.Equal(sequential, Sample(FlowPlan.All(1, new BlockPlan { Segments = segments, Tolerance = 0 })));

        float[] Sample(FlowPlan plan) => new FlowSampler(
            [new GuidedBlock(new ToyBlock(1), new ToyBlock(2), new FlowGuidance { Strength = 0.5f, Schedule = schedule })], [false])
            .Sample(ToyBlock.Noise(), plan).Tokens;
    }
}
