using SjdOnnx.Cli.Bench;

namespace SjdOnnx.Cli.Tests.Bench;

public class BenchTableTests
{
    [Fact]
    public void Figures_are_those_of_the_samples()
    {
        BenchTable table = BenchTable.Of(Measurements.Results());

        Assert.Equal(
            ["precision", "method", "exact", "window", "drafts per pass", "passes", "tokens per pass", "decode p50, s", "p95, s", "picture p50, s", "p95, s",
                "ms per pass", "Run", "sampling", "other", "x ar", "x best ar", "peak MiB"],
            table.Headers);
        Assert.Equal(
            ["fp32", "sjd", "yes", "16", "16.0", "64", "4.00", "1.000", "1.450", "1.010", "1.460", "15.63", "79 %", "20 %", "1 %", "2.00", "1.00", "200"],
            table.Rows[2]);
        Assert.Equal(["fp32", "sjd", "yes", "auto", "64.0", "50", "5.12"], table.Rows[3].Take(7));
        Assert.Equal(["fp32", "hasty", "lossy", "16", "16.0", "32", "8.00"], table.Rows[4].Take(7));
        Assert.Equal(["int8", "ar", "yes", "–", "–", "255", "1.00"], table.Rows[5].Take(7));
        Assert.Equal(["1.00", "1.00", "–"], table.Rows[5].TakeLast(3));
        Assert.Equal(["2.00", "2.00", "–"], table.Rows[6].TakeLast(3));
    }

    [Fact]
    public void First_guess_and_batch_are_shown_where_they_differ()
    {
        BenchResults results = Measurements.Results();
        results = results with
        {
            Cells = [.. results.Cells, Measurements.Summary(BenchCell.Of("int8", "mc", 8, "repeat-left", 2), 50, 0.5)],
        };

        BenchTable table = BenchTable.Of(results);

        Assert.Equal(["precision", "method", "exact", "window", "init", "batch", "drafts per pass"], table.Headers.Take(7));
        Assert.Equal(["fp32", "ar", "yes", "–", "–", "1"], table.Rows[0].Take(6));
        Assert.Equal(["int8", "mc", "yes", "8", "repeat-left", "2"], table.Rows[^1].Take(6));
        Assert.Equal("–", table.Rows[^1][^3]); // ar has not been measured at this batch
        Assert.Equal("2.00", table.Rows[^1][^2]);
    }

    [Fact]
    public void Drafts_are_told_where_auto_chose_them()
    {
        BenchResults results = Measurements.Results();

        BenchTable table = BenchTable.Of(results with { Cells = [.. results.Cells.Where(summary => !summary.Cell.Window.IsAuto)] });

        Assert.DoesNotContain("drafts per pass", table.Headers);
    }

    [Fact]
    public void A_file_gets_Markdown_and_a_terminal_lines_no_wider_than_itself()
    {
        BenchTable table = BenchTable.Of(Measurements.Results());

        string[] markdown = table.ToText(width: null).Split('\n');
        Assert.Equal(2 + table.Rows.Count, markdown.Length);
        Assert.All(markdown, line => Assert.Matches(@"^\|( [^|]+ \|){18}$", line));
        Assert.Matches("^[|:-]+$", markdown[1].Replace(" ", "", StringComparison.Ordinal));

        Assert.All(table.ToText(width: 120).Split('\n'), line => Assert.InRange(line.Length, 0, 120));
    }
}
