using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Decoding;

public sealed class DraftSurvivalTests
{
    [Theory]
    [InlineData(0.9, 0.6)]
    [InlineData(0.3, 0.2)]
    public void The_survival_estimate_approaches_how_often_drafts_stand(double later, double first)
    {
        double Truth(int slot, int age) => (slot == 0 ? first : later) * (age == 0 ? 0.1 : 1);
        var survival = new DraftSurvival();
        PassRandom random = new Randomness(3).At(0);
        for (int pass = 0; pass < 1000; pass++)
        {
            survival.NextPass();
            for (int slot = 0; slot < 6; slot++)
            {
                for (int age = 0; age < 3; age++)
                    survival.Record(slot, age, random.Uniform((pass * 18) + (slot * 3) + age, Purpose.Draw) < Truth(slot, age));
            }

            survival.Fit();
        }

        foreach (int slot in new[] { 0, 1, 5 })
        {
            Assert.Equal(Truth(slot, 0), survival.Of(slot, 0), 0.05);
            Assert.Equal(Truth(slot, 2), survival.Of(slot, 2), 0.12);
        }
    }

    [Fact]
    public void The_survival_estimate_is_interpolated_between_ages_and_constant_beyond_the_last_slot_and_age()
    {
        var survival = new DraftSurvival();

        Assert.Equal((survival.Of(0, 1) + survival.Of(0, 2)) / 2, survival.Of(0, 1.5), 1e-12);
        Assert.Equal(survival.Of(4, 4), survival.Of(400, 400));
        for (int slot = 0; slot < 10; slot++)
        {
            for (double age = 0; age < 10; age += 0.25)
                Assert.InRange(survival.Of(slot, age), 0.001, 0.999);
        }
    }

    [Theory]
    [InlineData(true, 0.6, 0.99)]
    [InlineData(false, 0.001, 0.25)]
    public void The_survival_estimate_stays_between_0_and_1_when_all_drafts_stand_or_all_fall(bool stood, double min, double max)
    {
        var survival = new DraftSurvival();
        for (int pass = 0; pass < 1000; pass++)
        {
            survival.NextPass();
            survival.Record(pass % 3, pass % 5, stood);
            survival.Fit();
        }

        for (int slot = 0; slot < 3; slot++)
            Assert.InRange(survival.Of(slot, 2), min, max + 0.005);
    }

    [Fact]
    public void Evidence_fades_while_no_draft_is_tested()
    {
        var survival = new DraftSurvival();
        double prior = survival.Of(0, 2);
        for (int pass = 0; pass < 50; pass++)
        {
            survival.NextPass();
            survival.Record(0, 2, stood: false);
            survival.Fit();
        }

        double seen = survival.Of(0, 2);
        double[] later = [.. Enumerable.Range(0, 2000).Select(_ => Idle())];

        Assert.True(seen < prior / 2, $"The estimate is {seen:F3} after 50 drafts that fell, and was {prior:F3} before them.");
        Assert.InRange(later[20], seen, prior * 0.6);
        Assert.True(later[^1] > prior * 0.9);

        double Idle()
        {
            survival.NextPass();
            survival.Fit();
            return survival.Of(0, 2);
        }
    }
}
