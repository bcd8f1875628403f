using SjdOnnx.Cli.Bench;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Tests.Bench;

/// <summary>Options and invented results.</summary>
internal static class SampleResults
{
    public static BenchOptions Options { get; } = new()
    {
        CommandLine = "sjd bench --methods sjd,mc",
        Loading = new TextToImageOptions(),
        Drawing = new GenerationOptions(),
        Methods = [SpeculativeJacobi.Descriptor, MaximalCoupling.Descriptor],
        MethodValues = Values(),
        Windows = [4, 16],
        Batches = [1],
        Prompts = ["a fox", "a <b>cat</b> & \"dog\""],
        Repeats = 1,
        Warmup = 1,
    };

    public static BenchEnvironment Environment { get; } = new(
        "Some processor", 2, 2, "cpu", "Some system", ".NET 10", "1.29.0", "emoji", "0123456789abcdef",
        new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));

    /// <summary>Values of methods' options by name.</summary>
    public static MethodValues Values(params (string Option, string[] Values)[] given) =>
        new(DecodingMethods.BuiltIn, given.ToDictionary(each => each.Option, each => (IReadOnlyList<string>)each.Values));

    public static BenchCell Cell(
        Precision precision, IDecodingMethod method, WindowSize window, Initialization? initialization = null, int batch = 1) =>
        BenchCell.Of(precision, (method, ""), window, initialization ?? Initialization.Uniform, batch);

    /// <param name="decode">Seconds, one for each sample. Run is four fifths of each; prefill and image take 0.01 s together.</param>
    public static CellSummary Summary(BenchCell cell, int passes, params double[] decode) => new(cell,
        [.. decode.Select((seconds, i) => new BenchSample(
            i, 0, (ulong)i, 256, passes, cell.MaxDrafts, Prefill: 0.004, seconds, Image: 0.006, Run: 0.8 * seconds))]);

    /// <summary>Two precisions, an exact method with three windows and a lossy one.</summary>
    public static BenchResults Results()
    {
        (Autoregressive ar, SpeculativeJacobi sjd, GroupedAcceptance gsd) = (new(), new(), new());
        return new(Options, Environment,
            [
                Summary(Cell(Precision.Fp32, ar, 4), 255, 2.0, 2.0),
                Summary(Cell(Precision.Fp32, sjd, 4), 128, 1.5, 1.5),
                Summary(Cell(Precision.Fp32, sjd, 16), 64, 0.5, 1.5),
                Summary(Cell(Precision.Fp32, sjd, WindowSize.Auto), 50, 0.4, 0.4),
                Summary(Cell(Precision.Fp32, gsd, 16), 32, 0.5, 0.5),
                Summary(Cell(Precision.Int8, ar, 4), 255, 0.9, 1.1),
                Summary(Cell(Precision.Int8, sjd, 16), 64, 0.5, 0.5),
            ],
            new Dictionary<(Precision, int), long> { [(Precision.Fp32, 1)] = 200 << 20 },
            [
                new PassCostTable
                {
                    Precision = Precision.Fp32, Provider = ExecutionProvider.Cpu, Threads = 2, Groups = 1, Images = 1,
                    Processor = "Some processor", Processors = 2, OnnxRuntime = "1.29.0", WasKept = true,
                    File = "/home/somebody/.cache/costs.json",
                    Costs = [new PassCost(0, TimeSpan.FromMilliseconds(2)), new PassCost(1, TimeSpan.FromMilliseconds(3))],
                },
            ],
            Complete: true);
    }
}
