using SjdOnnx.Windows;

namespace SjdOnnx.Tests.Windows;

public sealed class PassCostsTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1.5)]
    [InlineData(2, 2)]
    [InlineData(4, 2.5)]
    [InlineData(6, 3)]
    [InlineData(10, 4)]
    public void Between_and_beyond_measurements_time_is_linear(int drafts, double seconds) =>
        Assert.Equal(seconds, new PassCosts([(0, 1), (2, 2), (6, 3)]).Seconds(drafts), 1e-12);

    [Fact]
    public void A_table_of_two_entries_is_enough()
    {
        var costs = new PassCosts([(0, 1), (16, 3)]);

        Assert.Equal([0, 16], costs.Drafts);
        Assert.Equal(2, costs.Seconds(8), 1e-12);
        Assert.Equal(5, costs.Seconds(32), 1e-12);
    }

    [Fact]
    public void More_drafts_never_cost_less()
    {
        var costs = new PassCosts([(0, 1), (1, 0.9), (2, 1.4), (4, 1.2), (8, 1.1)]);

        Assert.Equal([0.9, 0.9, 1.1, 1.1, 1.1, 1.1], new[] { 0, 1, 2, 3, 4, 20 }.Select(costs.Seconds));
    }

    [Fact]
    public void An_inconsistent_table_is_refused()
    {
        Assert.Contains("begins with 0 drafts", Error([(0, 1)]), StringComparison.Ordinal);
        Assert.Contains("begins with 0 drafts", Error([(1, 1), (2, 2)]), StringComparison.Ordinal);
        Assert.Contains("4 follows 4", Error([(0, 1), (4, 2), (4, 3)]), StringComparison.Ordinal);
        Assert.Contains("2 drafts cannot take 0 seconds", Error([(0, 1), (2, 0)]), StringComparison.Ordinal);
        Assert.Contains("cannot take NaN", Error([(0, double.NaN), (2, 1)]), StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new PassCosts([(0, 1), (2, 2)]).Seconds(-1));
    }

    private static string Error((int, double)[] table) => Assert.Throws<ArgumentException>(() => new PassCosts(table)).Message;
}
