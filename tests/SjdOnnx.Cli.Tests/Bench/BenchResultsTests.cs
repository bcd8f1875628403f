using SjdOnnx.Cli.Bench;

namespace SjdOnnx.Cli.Tests.Bench;

public class BenchResultsTests
{
    /// <summary>The values of numpy.quantile.</summary>
    [Theory]
    [InlineData(0.5, 7, new[] { 7.0 })]
    [InlineData(0.95, 7, new[] { 7.0 })]
    [InlineData(0, 1, new[] { 3.0, 1.0, 2.0 })]
    [InlineData(0.5, 2.5, new[] { 4.0, 1.0, 3.0, 2.0 })]
    [InlineData(0.95, 3.85, new[] { 4.0, 1.0, 3.0, 2.0 })]
    [InlineData(1, 4, new[] { 4.0, 1.0, 3.0, 2.0 })]
    [InlineData(0.95, 9.55, new[] { 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0 })]
    public void Quantiles_lie_between_the_values_around_them(double share, double expected, double[] values) =>
        Assert.Equal(expected, CellSummary.Quantile(values, share), 1e-12);
}
