using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Sampling;

public sealed class ProbabilityChainTests
{
    private const float Never = float.NegativeInfinity;

    [Theory]
    [InlineData(1, 1, 0, 1)]
    [InlineData(3, 1, 0, 1)]
    [InlineData(0, 1, 0, 1)]
    [InlineData(0.5, 2, 10, 1)]
    [InlineData(7.5, 0.7, 100, 1)]
    [InlineData(4, 1.5, 0, 0.9)]
    [InlineData(4, 1, 50, 0.5)]
    [InlineData(4, 0, 50, 0.5)]
    [InlineData(2, 1, 1, 1)]
    [InlineData(2, 1, 5000, 0.01)]
    public void The_chain_agrees_with_its_definition(float guidance, float temperature, int topK, float topP)
    {
        var options = new SamplingOptions { Guidance = guidance, Temperature = temperature, TopK = topK, TopP = topP };
        foreach (int codes in (int[])[1, 2, 5, 64, 1000])
        {
            PassRandom random = new Randomness((ulong)codes).At(0);
            float[] conditional = [.. Enumerable.Range(0, codes).Select(code => (float)(random.Uniform(code, Purpose.Draw) * 10) - 5)];
            float[] unconditional = [.. Enumerable.Range(0, codes).Select(code => (float)(random.Uniform(code, Purpose.Guess) * 10) - 5)];

            float[] p = Apply(options, conditional, unconditional);

            double[] expected = ReferenceChain.Probabilities(conditional, unconditional, options);
            Assert.All(Enumerable.Range(0, codes), code => Assert.Equal(expected[code], p[code], 1e-5 * Math.Max(expected[code], 0.01)));
            Assert.Equal(1, p.Sum(value => (double)value), 1e-5);
        }
    }

    [Fact]
    public void Equal_logits_give_equal_probabilities() =>
        Assert.Equal([0.25f, 0.25f, 0.25f, 0.25f], Apply(new SamplingOptions { TopK = 1, TopP = 0.1f }, [7, 7, 7, 7]));

    [Fact]
    public void All_codes_that_tie_with_the_kth_logit_are_kept() =>
        Assert.Equal([0, 0.25f, 0.25f, 0.25f, 0.25f], Apply(new SamplingOptions { TopK = 2 }, [1, 3, 3, 3, 3]));

    [Fact]
    public void A_top_k_as_large_as_the_codebook_keeps_every_code()
    {
        float[] all = Apply(new SamplingOptions(), [1, 2, 3]);

        Assert.Equal(all, Apply(new SamplingOptions { TopK = 3 }, [1, 2, 3]));
        Assert.Equal(all, Apply(new SamplingOptions { TopK = int.MaxValue }, [1, 2, 3]));
    }

    [Theory]
    [InlineData(0.001, new[] { 1f, 0, 0, 0 })]
    [InlineData(0.499, new[] { 1f, 0, 0, 0 })]
    [InlineData(0.501, new[] { 2 / 3f, 1 / 3f, 0, 0 })]
    [InlineData(0.749, new[] { 2 / 3f, 1 / 3f, 0, 0 })]
    [InlineData(0.751, new[] { 0.5f, 0.25f, 0.125f, 0.125f })] // the last two tie
    [InlineData(1, new[] { 0.5f, 0.25f, 0.125f, 0.125f })]
    public void Top_p_keeps_the_fewest_codes_that_reach_it(float topP, float[] expected)
    {
        float[] p = Apply(new SamplingOptions { TopP = topP }, [MathF.Log(4), MathF.Log(2), 0, 0]);

        Assert.All(Enumerable.Range(0, 4), code => Assert.Equal(expected[code], p[code], 1e-6f));
    }

    [Theory]
    [InlineData(1e4f)]
    [InlineData(-1e4f)]
    [InlineData(1e30f)]
    public void Large_logits_do_not_overflow(float logit)
    {
        float[] p = Apply(new SamplingOptions(), [logit, logit, Never]);

        Assert.Equal([0.5f, 0.5f, 0], p);
    }

    [Fact]
    public void A_small_temperature_does_not_overflow() =>
        Assert.Equal([0, 1, 0], Apply(new SamplingOptions { Temperature = 1e-38f }, [1, 2, -100]));

    [Fact]
    public void Temperature_0_takes_the_first_of_the_largest_logits() =>
        Assert.Equal([0, 1, 0], Apply(new SamplingOptions { Temperature = 0 }, [1, 2, 2]));

    [Fact]
    public void A_code_that_one_lane_rules_out_stays_ruled_out()
    {
        var options = new SamplingOptions { Guidance = 3 };

        Assert.Equal([0, 0.5f, 0.5f], Apply(options, [Never, 1, 1], [Never, 2, 2]));
        Assert.Equal([0, 0.5f, 0.5f], Apply(options, [Never, 1, 1], [5, 2, 2]));
        Assert.Equal([0, 0.5f, 0.5f], Apply(options, [5, 1, 1], [Never, 2, 2]));
    }

    [Theory]
    [InlineData(float.NaN, 0f)]
    [InlineData(float.PositiveInfinity, 0f)]
    [InlineData(Never, Never)]
    public void Logits_that_are_not_finite_are_refused(float first, float second)
    {
        Assert.Throws<NotFiniteNumberException>(() => Apply(new SamplingOptions(), [first, second]));
        Assert.Throws<NotFiniteNumberException>(() => Apply(new SamplingOptions { Guidance = 3 }, [first, second], [0, 0]));
    }

    [Fact]
    public void A_logit_that_is_not_finite_is_found_anywhere_in_the_row()
    {
        for (int code = 0; code < 37; code++)
        {
            foreach (float strange in (float[])[float.NaN, float.PositiveInfinity])
            {
                var logits = new float[37];
                logits[code] = strange;
                Assert.Throws<NotFiniteNumberException>(() => Apply(new SamplingOptions(), logits));
                Assert.Throws<NotFiniteNumberException>(() => Apply(new SamplingOptions { Guidance = 3 }, logits, new float[37]));
                Assert.Throws<NotFiniteNumberException>(() => Apply(new SamplingOptions { Guidance = 3 }, new float[37], logits));
            }
        }
    }

    [Fact]
    public void Each_lane_may_rule_out_any_code()
    {
        var guided = new SamplingOptions { Guidance = 3 };
        float[] ones = [.. Enumerable.Repeat(1f, 37)];
        for (int code = 0; code < 37; code++)
        {
            float[] without = [.. ones];
            without[code] = Never;
            foreach (float[] p in (float[][])[Apply(guided, without, ones), Apply(guided, ones, without)])
                Assert.All(Enumerable.Range(0, 37), other => Assert.Equal(other == code ? 0 : 1 / 36f, p[other], 1e-7f));
        }
    }

    [Fact]
    public void Guidance_without_the_unconditional_lane_is_refused()
    {
        var error = Assert.Throws<InvalidOperationException>(() => Apply(new SamplingOptions { Guidance = 3 }, [1, 2]));

        Assert.Contains("unconditional lane", error.Message, StringComparison.Ordinal);
    }

    private static float[] Apply(SamplingOptions options, float[] conditional, float[]? unconditional = null)
    {
        var p = new float[conditional.Length];
        new ProbabilityChain(options).Apply(conditional, unconditional, p);
        return p;
    }
}
