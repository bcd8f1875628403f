using SjdOnnx.Sampling;

namespace SjdOnnx.Benchmarks.Sampling;

/// <summary>Logits like those of models: nearly normal, and similar in both lanes.</summary>
internal static class RandomLogits
{
    private const float Spread = 2.5f;
    private const float LanesApart = 0.8f;

    /// <summary>A row of normally distributed numbers.</summary>
    public static float[] Conditional(int codes, uint row) => [.. Enumerable.Range(0, codes).Select(code => Spread * Normal(row, code))];

    /// <summary><paramref name="conditional"/> with a small difference added to each logit.</summary>
    public static float[] Unconditional(float[] conditional, uint row) =>
        [.. conditional.Select((logit, code) => logit + (LanesApart * Normal(~row, code)))];

    // Box and Muller
    private static float Normal(uint row, int code)
    {
        PassRandom random = new Randomness(Seed: 1, row).At(0);
        double radius = Math.Sqrt(-2 * Math.Log(1 - random.Uniform(code, Purpose.Draw)));
        return (float)(radius * Math.Cos(2 * Math.PI * random.Uniform(code, Purpose.Guess)));
    }
}
