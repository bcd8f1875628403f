using SjdOnnx.Flows;

namespace SjdOnnx.Tests.Flows;

public class FlowMetricsTests
{
    [Fact]
    public void Metrics_are_those_of_their_definitions()
    {
        float[][] pictures = [ToyBlock.Noise(1), ToyBlock.Noise(2), ToyBlock.Noise(3)];
        var norms = new OutputNorms(Scale: 2, Shift: 3);
        BlockMetrics found = FlowMetrics.Measure(new FlowSampler([new ToyBlock()], [false]), pictures, [norms])[0];

        double[] noise = new double[pictures[0].Length], zeros = new double[noise.Length], scaled = new double[noise.Length];
        foreach (float[] x in pictures)
        {
            (float[] s, float[] u) = Run(x);
            float[] z = [.. x.Select((number, i) => (number - u[i]) * MathF.Exp(-s[i]))];
            float[] start = [x[0], x[1], .. new float[x.Length - 2]];
            (float[] sz, float[] uz) = Run(z);
            (float[] s0, float[] u0) = Run(start);
            for (int i = 0; i < x.Length; i++)
            {
                noise[i] += ((MathF.Exp(sz[i]) * z[i]) + uz[i] - x[i]) / 3;
                zeros[i] += ((MathF.Exp(s0[i]) * z[i]) + u0[i] - x[i]) / 3;
                scaled[i] += MathF.Exp(-s[i]) * x[i] / 3;
            }
        }

        Assert.Equal(TwoColumnNorm(noise), found.NoiseError, 1e-4);
        Assert.Equal(TwoColumnNorm(zeros), found.ZerosError, 1e-4);
        Assert.Equal((2 * TwoColumnNorm(scaled)) + 3, found.Convergence, 1e-4);

        static (float[] Scale, float[] Shift) Run(float[] x)
        {
            float[] scale = new float[x.Length], shift = new float[x.Length];
            new ToyBlock().Run(0, x.AsSpan(..^2), scale.AsSpan(2..), shift.AsSpan(2..), default);
            return (scale, shift);
        }
    }

    [Fact]
    public void The_spectral_norm_is_the_largest_singular_value()
    {
        Assert.Equal(3, SpectralNorm.Of([1, 0, 0, 0, -3, 0, 0, 0, 2], columns: 3), 1e-6);
        Assert.Equal(Math.Sqrt(14 * 5), SpectralNorm.Of([1, 2, 2, 4, 3, 6], columns: 2), 1e-6); // (1, 2, 3) times (1, 2)
        Assert.Equal(TwoColumnNorm([1, 2, 3, 4, 5, 6]), SpectralNorm.Of([1, 2, 3, 4, 5, 6], columns: 2), 1e-6);
        Assert.Equal(0, SpectralNorm.Of(new double[6], columns: 2));
        Assert.Equal(double.PositiveInfinity, SpectralNorm.Of([1, double.NaN], columns: 2));
    }

    [Theory]
    [InlineData(1, 2, InitialGuess.Noise)]
    [InlineData(3, 2, InitialGuess.Zeros)]
    [InlineData(1, 1, InitialGuess.Noise)]
    public void The_guess_with_the_smaller_error_is_taken(double noise, double zeros, InitialGuess expected) =>
        Assert.Equal(expected, new BlockMetrics(0, noise, zeros, Convergence: 10).Guess);

    [Fact]
    public void Measuring_without_pictures_or_with_norms_of_other_blocks_is_refused()
    {
        var flow = new FlowSampler([new ToyBlock()], [false]);
        Assert.Throws<ArgumentException>(() => FlowMetrics.Measure(flow, [], [default]));
        Assert.Throws<ArgumentException>(() => FlowMetrics.Measure(flow, [ToyBlock.Noise()], []));
    }

    /// <summary>The larger root of the characteristic polynomial of the 2×2 Gram matrix.</summary>
    private static double TwoColumnNorm(double[] matrix)
    {
        (double a, double b, double d) = (0, 0, 0);
        foreach (double[] row in matrix.Chunk(2))
            (a, b, d) = (a + (row[0] * row[0]), b + (row[0] * row[1]), d + (row[1] * row[1]));
        return Math.Sqrt(((a + d) / 2) + Math.Sqrt(((a - d) * (a - d) / 4) + (b * b)));
    }
}
