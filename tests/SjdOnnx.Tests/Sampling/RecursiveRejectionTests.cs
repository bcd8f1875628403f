using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Sampling;

public sealed class RecursiveRejectionTests
{
    private const int Draws = 100_000;

    public static TheoryData<float[], float[], int> PairsAndCounts()
    {
        var cells = new TheoryData<float[], float[], int>();
        foreach (object[] pair in DistributionTests.Pairs())
        {
            foreach (int count in new[] { 1, 2, 3, 5 })
                cells.Add((float[])pair[0], (float[])pair[1], count);
        }

        return cells;
    }

    [Theory]
    [MemberData(nameof(PairsAndCounts))]
    public void Candidates_drawn_from_q_settle_to_a_code_distributed_as_p(float[] p, float[] q, int count)
    {
        (long[] counts, _) = Settle(p, q, count);

        Assert.All(Enumerable.Range(0, p.Length).Where(code => p[code] == 0), code => Assert.Equal(0, counts[code]));
        if (p.Count(value => value > 1e-4f) > 1)
        {
            GoodnessOfFit fit = GoodnessOfFit.Of(counts, [.. p.Select(value => (double)value)]);
            Assert.True(fit.Z < GoodnessOfFit.Limit, fit.ToString());
        }
    }

    [Fact]
    public void With_more_candidates_one_of_them_stands_more_often()
    {
        float[] p = [0.1f, 0.2f, 0.3f, 0.4f, 0, 0];
        float[] q = [0.3f, 0.2f, 0.1f, 0.1f, 0.2f, 0.1f];
        double[] taken = [.. new[] { 1, 2, 3, 6 }.Select(count => Settle(p, q, count).Taken / (double)Draws)];

        Assert.Equal(0.5, taken[0], 0.01); // Σ min(p, q)
        Assert.True(taken[1] > taken[0] + 0.05 && taken[2] > taken[1] + 0.02, string.Join(", ", taken));
        Assert.Equal(1, taken[3]); // every code with a probability above 0 was a candidate
    }

    [Fact]
    public void A_single_candidate_is_settled_as_a_draft_is()
    {
        float[] p = [0.1f, 0.2f, 0.3f, 0.4f];
        float[] q = [0.4f, 0.3f, 0.2f, 0.1f];
        for (int position = 0; position < 1000; position++)
        {
            PassRandom random = new Randomness(5).At(position % 3);
            int draft = random.Draw(q, position, Purpose.Guess);
            int expected = Distribution.Settle(p, [.. q], draft, position, random);

            Assert.Equal(expected, RecursiveRejection.Settle(p, [.. q], [draft], new float[4], position, random));
        }
    }

    [Fact]
    public void Where_the_residual_of_all_candidates_is_0_the_replacement_is_drawn_from_p()
    {
        float[] p = [0, 0.5f, 0.5f];
        float[] q = [0, 0.5f, 0.5f];

        Assert.InRange(RecursiveRejection.Settle(p, q, [0, 1], new float[3], position: 0, new Randomness(1).At(0)), 1, 2);
    }

    /// <summary>How often each code came, and how often it was one of the candidates.</summary>
    private static (long[] Counts, int Taken) Settle(float[] p, float[] q, int count)
    {
        var counts = new long[p.Length];
        int taken = 0;
        PassRandom random = new Randomness(11).At(0);
        var scratch = new float[q.Length];
        var left = new float[q.Length];
        int[] candidates = new int[count];
        for (int position = 0; position < Draws; position++)
        {
            q.CopyTo(left, 0);
            int drawn = 0;
            while (drawn < count && left.Max() > 0)
            {
                candidates[drawn] = Distribution.Pick(left, random.Uniform(position, Purpose.Sibling, drawn));
                left[candidates[drawn++]] = 0;
            }

            q.CopyTo(left, 0);
            int code = RecursiveRejection.Settle(p, left, candidates.AsSpan(..drawn), scratch, position, random);
            counts[code]++;
            taken += candidates.AsSpan(..drawn).Contains(code) ? 1 : 0;
        }

        return (counts, taken);
    }
}
