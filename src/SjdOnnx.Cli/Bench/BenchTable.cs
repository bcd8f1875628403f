using System.Globalization;
using Spectre.Console;

namespace SjdOnnx.Cli.Bench;

/// <summary>The results for people: a row for each cell, and no column that says the same in every row.</summary>
internal sealed record BenchTable(IReadOnlyList<string> Headers, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>What the columns mean, a sentence each.</summary>
    public const string Legend = """
        Passes are means; seconds and ms per pass are of the median picture (p50), and of the one that 95 % do not exceed (p95).
        Decode is what methods differ in, the picture has prefill and image decoder, too; Run, sampling and other are shares of its time.
        x ar is how much faster decoding is than by ar at the same precision and batch, x best ar than by the fastest ar of this table.
        Peak memory is that of a process of its own, which draws one batch with the largest window. Pictures that share a pass are charged
        equal parts of it. A lossy method's pictures are not distributed as the model's.
        """;

    private const string Unknown = "–";

    public static BenchTable Of(BenchResults results)
    {
        IReadOnlyList<CellSummary> cells = results.Cells;
        List<(string Header, Func<CellSummary, string> Text)> columns =
        [
            ("precision", summary => summary.Cell.Precision),
            ("method", summary => summary.Cell.Name),
            ("exact", summary => summary.Cell.IsExact ? "yes" : "lossy"),
            ("window", summary => Window(summary.Cell)),
            ("init", summary => summary.Cell.Initialisation ?? Unknown),
            ("batch", summary => Number(summary.Cell.Batch, "0")),
            ("drafts per pass", summary => summary.Cell.Window == 0 ? Unknown : Number(summary.DraftsPerPass, "0.0")),
            ("passes", summary => Number(summary.ForwardPasses, "0")),
            ("tokens per pass", summary => Number(summary.TokensPerPass, "0.00")),
            ("decode p50, s", summary => Seconds(summary.DecodeMedian)),
            ("p95, s", summary => Seconds(summary.Decode95)),
            ("picture p50, s", summary => Seconds(summary.TotalMedian)),
            ("p95, s", summary => Seconds(summary.Total95)),
            ("ms per pass", summary => Number(1000 * summary.PassMedian, "0.00")),
            ("Run", summary => Percent(summary.RunShare)),
            ("sampling", summary => Percent(summary.SamplingShare)),
            ("other", summary => Percent(summary.OtherShare)),
            ("x ar", summary => Times(results.SpeedUp(summary))),
            ("x best ar", summary => Times(results.SpeedUpOverBest(summary))),
            ("peak MiB", summary => results.PeakMemoryOf(summary.Cell) is long bytes ? Number(bytes / 1048576.0, "0") : Unknown),
        ];
        if (cells.Select(summary => summary.Cell.Initialisation).OfType<string>().Distinct().Count() < 2)
            columns.RemoveAll(column => column.Header == "init");
        if (cells.Select(summary => summary.Cell.Batch).Distinct().Count() < 2)
            columns.RemoveAll(column => column.Header == "batch");
        if (!cells.Any(summary => summary.Cell.Window.IsAuto))
            columns.RemoveAll(column => column.Header == "drafts per pass");
        return new BenchTable([.. columns.Select(column => column.Header)],
            [.. cells.Select(summary => (IReadOnlyList<string>)[.. columns.Select(column => column.Text(summary))])]);
    }

    /// <summary>Drafts as a number or auto, or what stands for none.</summary>
    public static string Window(BenchCell cell) => cell.Window == 0 ? Unknown : cell.Window.ToString();

    /// <param name="width">Columns of the terminal; null for Markdown.</param>
    public string ToText(int? width)
    {
        Table table = TextTable.Of(Headers.Select(header => (header, IsText(header) ? Justify.Left : Justify.Right)));
        foreach (IReadOnlyList<string> row in Rows)
            TextTable.Add(table, row);
        return TextTable.Render(table, width);
    }

    /// <summary>Names are read from the left, numbers compared from the right.</summary>
    public static bool IsText(string header) => header is "precision" or "method" or "exact" or "init";

    private static string Seconds(double seconds) => Number(seconds, seconds < 10 ? "0.000" : "0.0");

    private static string Percent(double share) => Number(100 * share, "0") + " %";

    private static string Times(double? factor) => factor is double times ? Number(times, "0.00") : Unknown;

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
