using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Sampling;

public sealed class PassRandomTests
{
    private static readonly float[] P = [0.05f, 0.3f, 0, 0.25f, 0.1f, 0.3f];

    [Fact]
    public void Uniform_numbers_fill_the_unit_interval_evenly()
    {
        var counts = new long[64];
        PassRandom random = new Randomness(3).At(1);
        for (int position = 0; position < 100_000; position++)
            counts[(int)(random.Uniform(position, Purpose.Draw) * counts.Length)]++;

        AssertFits(counts, [.. counts.Select(_ => 1.0 / counts.Length)]);
    }

    [Fact]
    public void Every_part_of_an_address_changes_the_number()
    {
        double[] numbers =
        [
            new Randomness(1, 1).At(1).Uniform(1, Purpose.Draw),
            new Randomness(1UL << 40, 1).At(1).Uniform(1, Purpose.Draw),
            new Randomness(1, 2).At(1).Uniform(1, Purpose.Draw),
            new Randomness(1, 1).At(2).Uniform(1, Purpose.Draw),
            new Randomness(1, 1).At(1).Uniform(2, Purpose.Draw),
            new Randomness(1, 1).At(1).Uniform(1, Purpose.Accept),
        ];

        Assert.Equal(numbers.Length, numbers.Distinct().Count());
        Assert.Equal(numbers[0], new Randomness(1, 1).At(1).Uniform(1, Purpose.Draw));
    }

    [Fact]
    public void Drawn_codes_follow_the_weights()
    {
        PassRandom random = new Randomness(4).At(0);
        AssertFits(Count(position => random.Draw(P, position, Purpose.Draw)), Probabilities(P));
    }

    [Fact]
    public void The_argmax_with_Gumbel_noise_follows_the_weights()
    {
        PassRandom random = new Randomness(5).At(0);
        AssertFits(Count(position => random.GumbelArgMax(P, position)), Probabilities(P));
    }

    [Fact]
    public void A_position_has_the_same_Gumbel_vector_in_every_pass() => Assert.All(
        Enumerable.Range(0, 100),
        position => Assert.Equal(new Randomness(6).At(1).GumbelArgMax(P, position), new Randomness(6).At(9).GumbelArgMax(P, position)));

    [Fact]
    public void Noise_is_normally_distributed()
    {
        double[] upper = [0.2533471031, 0.5244005127, 0.8416212336, 1.2815515655];
        double[] deciles = [.. upper.Select(decile => -decile).Reverse(), 0, .. upper]; // of the normal distribution
        var noise = new float[1001]; // an odd length: of the last pair, only one number is used
        var counts = new long[10];
        (double sum, double neighbors) = (0, 0);
        for (int position = 0; position < 500; position++)
        {
            new Randomness(8).At(0).Normal(noise, position);
            foreach (float number in noise)
                counts[deciles.Count(decile => decile < number)]++;
            sum += noise.Sum();
            neighbors += noise.Skip(1).Zip(noise, static (a, b) => (double)a * b).Sum();
        }

        AssertFits(counts, [.. counts.Select(_ => 0.1)]);
        Assert.InRange(sum / Math.Sqrt(500 * 1001), -4.5, 4.5);
        Assert.InRange(neighbors / Math.Sqrt(500 * 1000), -4.5, 4.5);
    }

    [Fact]
    public void A_position_has_the_same_noise_in_every_pass_and_at_every_length()
    {
        float[] Noise(ulong seed, int pass, int position, int length)
        {
            var noise = new float[length];
            new Randomness(seed).At(pass).Normal(noise, position);
            return noise;
        }

        Assert.Equal(Noise(6, pass: 1, position: 3, length: 700), Noise(6, pass: 9, position: 3, length: 700));
        Assert.Equal(Noise(6, pass: 1, position: 3, length: 700)[..259], Noise(6, pass: 1, position: 3, length: 259));
        Assert.DoesNotContain(Noise(6, pass: 1, position: 3, length: 700)[0], Noise(6, pass: 1, position: 4, length: 700));
        Assert.DoesNotContain(Noise(6, pass: 1, position: 3, length: 700)[0], Noise(7, pass: 1, position: 3, length: 700));
    }

    [Fact]
    public void Codes_that_lose_do_not_affect_the_argmax()
    {
        PassRandom random = new Randomness(7).At(0);
        for (int position = 0; position < 1000; position++)
        {
            int winner = random.GumbelArgMax(P, position);
            for (int loser = 0; loser < P.Length; loser++)
            {
                float[] without = [.. P];
                without[loser] = 0;
                if (loser != winner)
                    Assert.Equal(winner, random.GumbelArgMax(without, position));
                else
                    Assert.NotEqual(winner, random.GumbelArgMax(without, position));
            }
        }
    }

    [Fact]
    public void Distributions_that_share_a_Gumbel_vector_mostly_agree()
    {
        float[] q = [0.1f, 0.2f, 0.1f, 0.25f, 0.05f, 0.3f];
        double distance = P.Zip(q, (a, b) => Math.Abs(a - b)).Sum() / 2;
        PassRandom random = new Randomness(8).At(0);
        const int draws = 100_000;

        int equal = Enumerable.Range(0, draws).Count(position => random.GumbelArgMax(P, position) == random.GumbelArgMax(q, position));

        // Bavarian et al., arXiv:1612.01041: at least (1 − TV) / (1 + TV). No coupling exceeds 1 − TV.
        double sigma = Math.Sqrt(0.25 / draws);
        Assert.InRange(equal / (double)draws, ((1 - distance) / (1 + distance)) - (5 * sigma), 1 - distance + (5 * sigma));
    }

    [Fact]
    public void Neighboring_positions_have_independent_Gumbel_vectors()
    {
        PassRandom random = new Randomness(9).At(0);
        var counts = new long[P.Length * P.Length];
        for (int position = 0; position < 200_000; position += 2)
            counts[(random.GumbelArgMax(P, position) * P.Length) + random.GumbelArgMax(P, position + 1)]++;

        AssertFits(counts, [.. from first in Probabilities(P) from second in Probabilities(P) select first * second]);
    }

    [Fact]
    public void A_row_of_zeros_is_refused() =>
        Assert.Throws<ArgumentException>(() => new Randomness(1).At(0).GumbelArgMax(new float[3], 0));

    private static long[] Count(Func<int, int> draw)
    {
        var counts = new long[P.Length];
        for (int position = 0; position < 200_000; position++)
            counts[draw(position)]++;
        return counts;
    }

    private static double[] Probabilities(float[] p) => [.. p.Select(value => (double)value)];

    private static void AssertFits(long[] counts, double[] probabilities)
    {
        GoodnessOfFit fit = GoodnessOfFit.Of(counts, probabilities);
        Assert.True(fit.Z < GoodnessOfFit.Limit, fit.ToString());
    }
}
