using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Bench;

/// <summary>The JSON file: every sample, and what it takes to measure again. Its format is described in docs/bench.md.</summary>
internal sealed record BenchReport(
    int Format, string Command, BenchEnvironment Environment, BenchSettings Settings, bool Complete,
    IReadOnlyList<PassCostReport> PassCosts, IReadOnlyList<CellReport> Cells)
{
    public static BenchReport Of(BenchResults results) => new(
        Format: 1,
        results.Options.CommandLine,
        results.Environment,
        new BenchSettings(results.Options.Prompts, results.Options.Seed, results.Options.Repeats, results.Options.Warmup,
            results.Options.Request.Guidance, results.Options.Request.Temperature,
            results.Options.Request.TopK, results.Options.Request.TopP),
        results.Complete,
        [.. results.PassCosts.Select(table => new PassCostReport(table.Precision, table.Pictures, table.Costs))],
        [.. results.Cells.Select(summary => CellReport.Of(results, summary))]);

    public string ToJson() => JsonSerializer.Serialize(this, BenchReportJson.Default.BenchReport);
}

/// <summary>What auto windows went by.</summary>
/// <param name="Batch">Pictures in a pass.</param>
internal sealed record PassCostReport(string Precision, int Batch, IReadOnlyList<PassCost> Costs);

/// <param name="Guidance">Null, as the three after it: the model's.</param>
internal sealed record BenchSettings(
    IReadOnlyList<string> Prompts, ulong Seed, int Repeats, int Warmup, float? Guidance, float? Temperature, int? TopK, float? TopP);

/// <summary>Times are in seconds, memory in bytes; p50 and p95 are quantiles over the samples.</summary>
internal sealed record CellReport(
    string Precision, string Method, bool Exact, WindowSize Window, string? Initialisation, int? DenoisingSteps, int Batch,
    double ForwardPasses, double TokensPerPass, double DraftsPerPass,
    double DecodeP50, double DecodeP95, double PictureP50, double PictureP95, double PassP50,
    double RunShare, double SamplingShare, double OtherShare, double? SpeedUp, double? SpeedUpOverBest, long? PeakMemory,
    IReadOnlyList<BenchSample> Samples)
{
    public static CellReport Of(BenchResults results, CellSummary summary) => new(
        summary.Cell.Precision, summary.Cell.Method, summary.Cell.IsExact, summary.Cell.Window, summary.Cell.Initialisation,
        summary.Cell.DenoisingSteps, summary.Cell.Batch, summary.ForwardPasses, summary.TokensPerPass, summary.DraftsPerPass,
        summary.DecodeMedian, summary.Decode95, summary.TotalMedian, summary.Total95,
        summary.PassMedian, summary.RunShare, summary.SamplingShare, summary.OtherShare,
        results.SpeedUp(summary), results.SpeedUpOverBest(summary), results.PeakMemoryOf(summary.Cell), summary.Samples);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = false)]
[JsonSerializable(typeof(BenchReport))]
internal sealed partial class BenchReportJson : JsonSerializerContext;
