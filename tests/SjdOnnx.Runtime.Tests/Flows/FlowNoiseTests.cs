using SjdOnnx.Runtime.Flows;

namespace SjdOnnx.Runtime.Tests.Flows;

public class FlowNoiseTests
{
    private static readonly FlowSection Sizes = new()
    {
        Side = 32,
        Patch = 2,
        Layers = 1,
        Heads = 1,
        HeadDim = 64,
        Noise = null,
        Classes = [],
        Blocks = [],
    };

    internal static float[] Draw(FlowModelDescription model, ulong seed, uint index)
    {
        Assert.Equal((Sizes.Side, Sizes.Tokens, Sizes.Channels), (model.Side, model.Tokens, model.Channels));
        return FlowNoise.Draw(Sizes, seed, index);
    }

    [Fact]
    public void Noise_follows_the_unit_normal_distribution()
    {
        float[] noise = [.. Enumerable.Range(0, 100).SelectMany(index => FlowNoise.Draw(Sizes, seed: 9, (uint)index))];
        double n = noise.Length, root = Math.Sqrt(n);

        // Each deviate is a unit normal; 4.5 is exceeded once in 150,000 tests.
        Assert.InRange(Math.Abs(noise.Average(static z => (double)z) * root), 0, 4.5);
        Assert.InRange(Math.Abs((noise.Average(static z => (double)z * z) - 1) * root / Math.Sqrt(2)), 0, 4.5);
        Assert.InRange(Math.Abs(noise.Average(static z => (double)z * z * z) * root / Math.Sqrt(15)), 0, 4.5);
        Assert.InRange(Math.Abs((noise.Average(static z => (double)z * z * z * z) - 3) * root / Math.Sqrt(96)), 0, 4.5);

        // Neighbors of a token, of consecutive tokens and of consecutive samples do not correlate.
        foreach (int lag in (int[])[1, Sizes.Channels, Sizes.Tokens * Sizes.Channels])
        {
            double products = 0;
            for (int i = lag; i < noise.Length; i++)
                products += (double)noise[i] * noise[i - lag];
            Assert.InRange(Math.Abs(products / Math.Sqrt(n - lag)), 0, 4.5);
        }
    }

    [Fact]
    public void Noise_depends_on_seed_and_index()
    {
        Assert.Equal(FlowNoise.Draw(Sizes, 1, 2), FlowNoise.Draw(Sizes, 1, 2));
        Assert.NotEqual(FlowNoise.Draw(Sizes, 1, 2), FlowNoise.Draw(Sizes, 2, 2));
        Assert.NotEqual(FlowNoise.Draw(Sizes, 1, 2), FlowNoise.Draw(Sizes, 1, 3));
    }
}
