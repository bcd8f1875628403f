using SjdOnnx.Cli.Bench;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Tests.Bench;

/// <summary>Options and results that nobody measured.</summary>
internal static class Measurements
{
    public static BenchOptions Options { get; } = new()
    {
        CommandLine = "sjd bench --methods sjd,mc",
        Loading = new TextToImageOptions(),
        Request = new GenerationRequest { Prompt = "" },
        Methods = ["sjd", "mc"],
        Windows = [4, 16],
        Batches = [1],
        Prompts = ["a fox", "a <b>cat</b> & \"dog\""],
        Repeats = 1,
        Warmup = 1,
    };

    public static BenchEnvironment Environment { get; } = new(
        "Some processor", 2, 2, "cpu", "Some system", ".NET 10", "1.29.0", "emoji", "0123456789abcdef", new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));

    /// <param name="decode">Seconds, one for each sample; Run is four fifths of each, and prefill and image take 0.01 s in all.</param>
    public static CellSummary Summary(BenchCell cell, int passes, params double[] decode) => new(cell,
        [.. decode.Select((seconds, i) => new BenchSample(i, 0, (ulong)i, 256, passes, cell.MostDrafts, Prefill: 0.004, seconds, Image: 0.006, Run: 0.8 * seconds))]);

    /// <summary>Two precisions, an exact method with three windows and a lossy one.</summary>
    public static BenchResults Results() => new(Options, Environment,
        [
            Summary(BenchCell.Of("fp32", "ar", 4, "uniform", 1), 255, 2.0, 2.0),
            Summary(BenchCell.Of("fp32", "sjd", 4, "uniform", 1), 128, 1.5, 1.5),
            Summary(BenchCell.Of("fp32", "sjd", 16, "uniform", 1), 64, 0.5, 1.5),
            Summary(BenchCell.Of("fp32", "sjd", WindowSize.Auto, "uniform", 1), 50, 0.4, 0.4),
            Summary(new BenchCell("fp32", "hasty", 16, "uniform", 1, IsExact: false), 32, 0.5, 0.5),
            Summary(BenchCell.Of("int8", "ar", 4, "uniform", 1), 255, 0.9, 1.1),
            Summary(BenchCell.Of("int8", "sjd", 16, "uniform", 1), 64, 0.5, 0.5),
        ],
        new Dictionary<(string, int), long> { [("fp32", 1)] = 200 << 20 },
        [
            new PassCostTable
            {
                Precision = "fp32", Provider = "cpu", Threads = 2, Pictures = 1, Processor = "Some processor", Processors = 2, OnnxRuntime = "1.29.0",
                Costs = [new PassCost(0, 0.002), new PassCost(1, 0.003)], WasKept = true, File = "/home/somebody/.cache/costs.json",
            },
        ],
        Complete: true);
}
