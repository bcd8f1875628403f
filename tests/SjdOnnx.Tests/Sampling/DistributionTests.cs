using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Sampling;

public sealed class DistributionTests
{
    private const double JustBelowOne = 1 - 1e-16;

    /// <summary>Pairs of p and q: equal, different, with ties, point masses, no overlap, and a larger or smaller support of q.</summary>
    public static TheoryData<float[], float[]> Pairs() => new()
    {
        { [0.1f, 0.2f, 0.3f, 0.4f], [0.4f, 0.3f, 0.2f, 0.1f] },
        { [0.25f, 0.25f, 0.25f, 0.25f], [0.25f, 0.25f, 0.25f, 0.25f] },
        { [0.5f, 0.5f, 0, 0], [0, 0, 0.5f, 0.5f] },
        { [0.2f, 0.3f, 0.5f, 0], [0, 1, 0, 0] },
        { [0, 1, 0, 0], [0.2f, 0.3f, 0.5f, 0] },
        { [0, 1, 0, 0], [0, 1, 0, 0] },
        { [0.7f, 0, 0.3f, 0], [0.25f, 0.25f, 0.25f, 0.25f] },
        { [0.1f, 0.4f, 0.1f, 0.4f], [0.2f, 0.3f, 0.2f, 0.3f] },
        { [1e-6f, 0.999999f, 0, 0], [0.999999f, 1e-6f, 0, 0] },
        { Random(300, seed: 1), Random(300, seed: 2) },
    };

    [Theory]
    [MemberData(nameof(Pairs))]
    public void A_draft_drawn_from_q_settles_to_a_code_distributed_as_p(float[] p, float[] q)
    {
        const int draws = 200_000;
        var counts = new long[p.Length];
        int kept = 0;
        PassRandom random = new Randomness(11).At(0);
        var scratch = new float[q.Length];
        for (int position = 0; position < draws; position++)
        {
            int draft = random.Draw(q, position, Purpose.Guess);
            q.CopyTo(scratch, 0);
            int code = Distribution.Settle(p, scratch, draft, position, random);
            counts[code]++;
            kept += code == draft ? 1 : 0;
        }

        double overlap = p.Zip(q, (a, b) => (double)Math.Min(a, b)).Sum();
        double sigma = Math.Sqrt(overlap * (1 - Math.Min(1, overlap)) / draws);
        Assert.InRange(kept / (double)draws, overlap - (5 * sigma) - 1e-5, overlap + (5 * sigma) + 1e-5);

        Assert.All(Enumerable.Range(0, p.Length).Where(code => p[code] == 0), code => Assert.Equal(0, counts[code]));
        if (p.Count(value => value > 1e-4f) > 1)
        {
            GoodnessOfFit fit = GoodnessOfFit.Of(counts, [.. p.Select(value => (double)value)]);
            Assert.True(fit.Z < GoodnessOfFit.Limit, fit.ToString());
        }
    }

    [Fact]
    public void Where_the_residual_is_0_the_replacement_is_drawn_from_p()
    {
        float[] p = [0, 0.5f, 0.5f];
        float[] q = [0, 0.5f, 0.5f];

        Assert.InRange(Distribution.Settle(p, q, draft: 0, position: 0, new Randomness(1).At(0)), 1, 2);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(0.2499, 1)]
    [InlineData(0.2501, 3)]
    [InlineData(0.75, 3)]
    [InlineData(JustBelowOne, 3)]
    public void A_code_of_weight_0_is_never_picked(double u, int expected) =>
        Assert.Equal(expected, Distribution.Pick([0, 1, 0, 3, 0, 0], u));

    [Theory]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(1000)]
    public void Picking_from_blocks_equals_picking_from_one_row(int length)
    {
        // whole numbers add up exactly
        float[] weights = [.. Enumerable.Range(0, length).Select(code => code % 3 == 0 ? 0f : 1 + (code % 7))];
        double total = weights.Sum();
        double before = 0;
        for (int code = 0; code < length; code++)
        {
            if (weights[code] > 0)
            {
                Assert.Equal(code, Distribution.Pick(weights, (before + 0.001) / total));
                Assert.Equal(code, Distribution.Pick(weights, (before + weights[code] - 0.001) / total));
            }

            before += weights[code];
        }
    }

    [Fact]
    public void The_last_code_of_a_large_codebook_can_be_picked()
    {
        var weights = new float[65_536];
        Array.Fill(weights, 1f / 3);

        Assert.Equal(0, Distribution.Pick(weights, 0));
        Assert.Equal(65_535, Distribution.Pick(weights, JustBelowOne));
        Assert.Equal(49_152, Distribution.Pick(weights, 0.75000001));
    }

    [Fact]
    public void The_last_code_of_a_codebook_of_longer_blocks_can_be_picked()
    {
        var weights = new float[1_000_000];
        Array.Fill(weights, 1);

        Assert.Equal(999_999, Distribution.Pick(weights, JustBelowOne));
        Assert.Equal(654_321, Distribution.Pick(weights, 0.6543215));
    }

    [Theory]
    [InlineData(17)]
    [InlineData(300)]
    [InlineData(1025)]
    public void A_draft_that_falls_leaves_the_residual_in_q(int codes)
    {
        float[] p = Random(codes, seed: 3);
        float[] q = Random(codes, seed: 4);
        p[0] = 0; // the draft falls with certainty
        float[] residual = [.. p.Zip(q, (a, b) => Math.Max(a - b, 0))];

        int code = Distribution.Settle(p, q, draft: 0, position: 5, new Randomness(6).At(7));

        Assert.Equal(residual, q);
        Assert.Equal(new Randomness(6).At(7).Draw(residual, 5, Purpose.Replace), code);
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(float.NaN)]
    public void Weights_without_a_sum_are_refused(float weight) =>
        Assert.Throws<ArgumentException>(() => Distribution.Pick([weight, weight], 0.5));

    private static float[] Random(int codes, int seed)
    {
        PassRandom random = new Randomness((ulong)seed).At(0);
        double[] weights = [.. Enumerable.Range(0, codes).Select(code => Math.Pow(random.Uniform(code, Purpose.Draw), 3))];
        return [.. weights.Select(weight => (float)(weight / weights.Sum()))];
    }
}
