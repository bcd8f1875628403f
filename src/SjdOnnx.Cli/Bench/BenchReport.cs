using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using SjdOnnx.Cli.Costs;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Bench;

/// <summary>The results as a table and as the JSON file that docs/bench.md describes.</summary>
internal sealed record BenchReport(
    int Format, string Command, BenchEnvironment Environment, BenchSettings Settings, bool Complete,
    IReadOnlyList<PassCostsReport> PassCosts, IReadOnlyList<CellReport> Cells)
{
    /// <summary>What the columns of the table mean.</summary>
    public const string Legend = """
        Columns:
          passes       forward passes of an image, on average
          p50, p95     the median image, and the time that 95 % of the images do not exceed
          decode       from the prefill to the last token
          total        decode, prefill and image decoder; images that share a pass are each charged an equal part
          Run          share of the total that ONNX Runtime computed while decoding
          sampling     share of the rest of decoding
          other        share of prefill and image decoder
          x ar         how many times faster decoding is than with ar at the same precision and batch
          x best ar    the same, compared with the fastest ar of the table
          peak MiB     memory of a process that draws one batch with the largest window
        """;

    private const string Unknown = "–";

    public static BenchReport Of(BenchResults results) => new(
        Format: 2,
        results.Options.CommandLine,
        results.Environment,
        new BenchSettings(results.Options.Prompts, results.Options.NegativePrompt, results.Options.Seed, results.Options.Repeats,
            results.Options.Warmup, results.Options.Drawing.Guidance, results.Options.Drawing.Temperature,
            results.Options.Drawing.TopK, results.Options.Drawing.TopP),
        results.Complete,
        [.. results.PassCosts.Select(table => new PassCostsReport(table.Precision.Name, table.Images, CostReport.Of(table)))],
        [.. results.Cells.Select(summary => CellReport.Of(results, summary))]);

    /// <summary>A row for each cell. Columns that say the same in every row are left out.</summary>
    public static TextTable TableOf(BenchResults results)
    {
        IReadOnlyList<CellSummary> cells = results.Cells;
        List<(Column Column, Func<CellSummary, string> Text)> columns =
        [
            (new("precision"), summary => summary.Cell.Precision.Name),
            (new("method"), summary => summary.Cell.Name),
            (new("exact"), summary => summary.Cell.Descriptor.IsExact ? "yes" : "lossy"),
            (new("window", IsNumber: true), summary => Window(summary.Cell)),
        ];
        if (cells.Select(summary => summary.Cell.Initialization).OfType<object>().Distinct().Count() > 1)
            columns.Add((new("init"), summary => summary.Cell.Initialization?.Name ?? Unknown));
        AddIf(cells.Select(summary => summary.Cell.Batch).Distinct().Count() > 1, "batch", summary => Number(summary.Cell.Batch, "0"));
        AddIf(cells.Any(summary => summary.Cell.Window.IsAuto), "drafts per pass",
            summary => summary.Cell.Window == 0 ? Unknown : Number(summary.DraftsPerPass, "0.0"));
        Add("passes", summary => Number(summary.ForwardPasses, "0"));
        Add("tokens per pass", summary => Number(summary.TokensPerPass, "0.00"));
        Add("decode p50, s", summary => Seconds(summary.DecodeMedian));
        Add("decode p95, s", summary => Seconds(summary.Decode95));
        Add("total p50, s", summary => Seconds(summary.TotalMedian));
        Add("total p95, s", summary => Seconds(summary.Total95));
        Add("ms per pass", summary => Number(1000 * summary.PassMedian, "0.00"));
        Add("Run", summary => Percent(summary.RunShare));
        Add("sampling", summary => Percent(summary.SamplingShare));
        Add("other", summary => Percent(summary.OtherShare));
        Add("x ar", summary => Times(results.SpeedUp(summary)));
        Add("x best ar", summary => Times(results.SpeedUpOverBest(summary)));
        Add("peak MiB", summary => results.PeakMemoryOf(summary.Cell) is long bytes ? Number(bytes / 1048576.0, "0") : Unknown);

        var table = new TextTable([.. columns.Select(column => column.Column)]);
        foreach (CellSummary summary in cells)
            table.Add(columns.Select(column => column.Text(summary)));
        return table;

        void Add(string header, Func<CellSummary, string> text) => columns.Add((new(header, IsNumber: true), text));

        void AddIf(bool wanted, string header, Func<CellSummary, string> text)
        {
            if (wanted)
                Add(header, text);
        }
    }

    /// <summary>Drafts as a number or auto, or a dash for a method without drafts.</summary>
    public static string Window(BenchCell cell) => cell.Window == 0 ? Unknown : cell.Window.ToString();

    public string ToJson() => JsonSerializer.Serialize(this, BenchReportJson.Default.BenchReport);

    private static string Seconds(double seconds) => Number(seconds, seconds < 10 ? "0.000" : "0.0");

    private static string Percent(double share) => Number(100 * share, "0") + " %";

    private static string Times(double? factor) => factor is double times ? Number(times, "0.00") : Unknown;

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}

/// <param name="Precision">The precision that was measured.</param>
/// <param name="Batch">Images in a pass.</param>
/// <param name="Costs">What windows of auto were chosen by.</param>
internal sealed record PassCostsReport(string Precision, int Batch, IReadOnlyList<CostReport> Costs);

/// <summary>What all cells have in common. Null properties used the model's own value.</summary>
internal sealed record BenchSettings(
    IReadOnlyList<string> Prompts, string? NegativePrompt, ulong Seed, int Repeats, int Warmup,
    float? Guidance, float? Temperature, int? TopK, float? TopP);

/// <summary>Times are in seconds, memory in bytes; p50 and p95 are quantiles over the samples.</summary>
internal sealed record CellReport(
    string Precision, string Method, JsonObject? MethodOptions, bool Exact, WindowSize Window, string? Initialization, int Batch,
    double ForwardPasses, double TokensPerPass, double DraftsPerPass,
    double DecodeP50, double DecodeP95, double TotalP50, double TotalP95, double PassP50,
    double RunShare, double SamplingShare, double OtherShare, double? SpeedUp, double? SpeedUpOverBest, long? PeakMemory,
    IReadOnlyList<BenchSample> Samples)
{
    public static CellReport Of(BenchResults results, CellSummary summary) => new(
        summary.Cell.Precision.Name, summary.Cell.Descriptor.Name, summary.Samples[0].MethodOptions, summary.Cell.Descriptor.IsExact,
        summary.Cell.Window, summary.Cell.Initialization?.Name, summary.Cell.Batch,
        summary.ForwardPasses, summary.TokensPerPass, summary.DraftsPerPass,
        summary.DecodeMedian, summary.Decode95, summary.TotalMedian, summary.Total95,
        summary.PassMedian, summary.RunShare, summary.SamplingShare, summary.OtherShare,
        results.SpeedUp(summary), results.SpeedUpOverBest(summary), results.PeakMemoryOf(summary.Cell), summary.Samples);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = false)]
[JsonSerializable(typeof(BenchReport))]
internal sealed partial class BenchReportJson : JsonSerializerContext;
