using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Sampling;

public sealed class ExponentialRaceTests
{
    /// <summary>The weight of a code, given a random number: dense and sparse rows, and the smallest and largest floats.</summary>
    public static TheoryData<string, Func<int, double, float>> Weights() => new()
    {
        { "dense", (_, u) => (float)u },
        { "peaked", (_, u) => (float)Math.Pow(u, 30) },
        { "sparse", (_, u) => u < 0.9 ? 0 : (float)u },
        { "equal", (_, _) => 0.001f },
        { "point mass", (code, _) => code == 11 ? 1 : 0 },
        { "denormal", (_, u) => (float)(u * 1e-42) },
        { "huge", (_, u) => (float)(u * 1e38) },
        { "every size", (_, u) => (float)Math.Pow(10, (u * 76) - 38) },
    };

    [Theory]
    [MemberData(nameof(Weights))]
    public void The_winner_of_the_race_is_that_of_its_definition(string name, Func<int, double, float> weight)
    {
        foreach (int codes in (int[])[12, 16, 31, 32, 33, 255, 256, 257, 1000, 5000])
        {
            PassRandom random = new Randomness((ulong)codes).At(1);
            float[] p = [.. Enumerable.Range(0, codes).Select(code => weight(code, random.Uniform(code, Purpose.Draw)))];
            var randomness = new Randomness(0x0123456789ABCDEF, (uint)codes);
            for (int position = 0; position < (codes > 300 ? 20 : 100); position++)
            {
                uint[] bits = Bits(codes, randomness, position);
                int expected = Definition(p, bits);
                if (expected >= 0)
                    Assert.True(expected == randomness.At(3).GumbelArgMax(p, position), $"{name}, {codes} codes, position {position}");
            }
        }
    }

    [Theory]
    [InlineData(3, 4)]
    [InlineData(3, 30)]
    [InlineData(40, 41)]
    public void Of_codes_that_tie_the_lowest_wins(int lower, int higher)
    {
        var p = new float[43];
        var bits = new uint[43];
        Array.Fill(p, 0.01f);
        Array.Fill(bits, uint.MaxValue);
        (bits[lower], bits[higher]) = (123_456_789, 123_456_789);

        Assert.Equal(lower, Winner(p, bits));
    }

    [Fact]
    public void Neighboring_random_numbers_are_told_apart()
    {
        var p = new float[32];
        Array.Fill(p, 1f / 32);
        foreach (uint draw in (uint[])[0, 1, 255, 256, 1 << 24, (1 << 24) + 1, int.MaxValue, 0xFFFFFF00, uint.MaxValue - 1])
        {
            var bits = new uint[32];
            Array.Fill(bits, draw + 1);
            bits[29] = draw;
            Assert.Equal(29, Winner(p, bits));
        }
    }

    [Fact]
    public void Codes_of_probability_0_never_win()
    {
        var bits = new uint[40]; // 0 is the earliest time
        var p = new float[40];
        Assert.Equal(-1, Winner(p, bits));

        p[39] = float.Epsilon;
        bits[39] = uint.MaxValue;
        Assert.Equal(39, Winner(p, bits));
    }

    private static int Winner(float[] p, uint[] bits)
    {
        var race = new ExponentialRace();
        race.Enter(0, p, bits);
        return race.Winner;
    }

    private static uint[] Bits(int codes, Randomness randomness, int position)
    {
        var bits = new uint[codes];
        for (int code = 0; code < codes; code++)
        {
            (uint first, uint second, uint third, uint fourth) = Philox.At(
                new(randomness.Image, (uint)position, 0, ((uint)Purpose.Gumbel << 24) | (uint)(code / 4)), randomness.Seed);
            bits[code] = (code % 4) switch { 0 => first, 1 => second, 2 => third, _ => fourth };
        }

        return bits;
    }

    /// <summary>argmin(e / p); of codes that tie, the lowest.</summary>
    private static int Definition(float[] p, uint[] bits)
    {
        int winner = -1;
        double least = double.PositiveInfinity;
        for (int code = 0; code < p.Length; code++)
        {
            double time = -Math.Log(1 - ((bits[code] + 0.5) / (1UL << 32))) / p[code];
            if (p[code] > 0 && time < least)
                (winner, least) = (code, time);
        }

        return winner;
    }
}
