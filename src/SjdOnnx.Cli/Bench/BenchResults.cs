using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using SjdOnnx.Runtime;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Cli.Bench;

/// <summary>The machine, the programs and the model that measurements belong to.</summary>
/// <param name="Cores">Logical processors that the process may use.</param>
/// <param name="Threads">Threads of a forward pass; 0 if ONNX Runtime chose.</param>
/// <param name="ModelHash">SHA-256 of model.json.</param>
internal sealed record BenchEnvironment(
    string Processor, int Cores, int Threads, string Provider, string OperatingSystem, string DotNet, string OnnxRuntime,
    string Model, string ModelHash, DateTimeOffset Measured);

/// <summary>The measurements of one image. Times are in seconds.</summary>
/// <param name="Prompt">Index into the prompts.</param>
/// <param name="Repeat">From 0.</param>
/// <param name="Tokens">Image tokens.</param>
/// <param name="ForwardPasses">Not counting the prefill.</param>
/// <param name="DraftsPerPass">The mean number of drafts that these passes judged.</param>
/// <param name="Prefill">Tokenizer and first pass.</param>
/// <param name="Decode">All passes after it, including sampling.</param>
/// <param name="Image">The image decoder.</param>
/// <param name="Run">The part of <paramref name="Decode"/> that ONNX Runtime computed.</param>
internal sealed record BenchSample(
    int Prompt, int Repeat, ulong Seed, int Tokens, int ForwardPasses, double DraftsPerPass,
    double Prefill, double Decode, double Image, double Run)
{
    /// <summary>The whole image.</summary>
    public double Total => Prefill + Decode + Image;

    /// <summary>The options that only this method has, with every default filled in; null if it has none.</summary>
    [JsonIgnore]
    public JsonObject? MethodOptions { get; init; }

    public static BenchSample Of(BenchImage drawn, GeneratedImage image) => new(
        drawn.Prompt, drawn.Repeat, drawn.Seed, image.ImageTokens, image.ForwardPasses, image.DraftsPerPass,
        image.Timings.Prefill.TotalSeconds, image.Timings.Decode.TotalSeconds, image.Timings.Image.TotalSeconds,
        image.Timings.Run.TotalSeconds)
    {
        MethodOptions = GenerationData.Of(image).Request.MethodOptions,
    };
}

/// <summary>A cell's samples in a few figures.</summary>
/// <param name="samples">One or more.</param>
internal sealed class CellSummary(BenchCell cell, IReadOnlyList<BenchSample> samples)
{
    public BenchCell Cell => cell;

    public IReadOnlyList<BenchSample> Samples => samples;

    /// <summary>Forward passes of an image, on average.</summary>
    public double ForwardPasses { get; } = samples.Average(sample => sample.ForwardPasses);

    /// <summary>Drafts that a pass judged, on average.</summary>
    public double DraftsPerPass { get; } = samples.Sum(sample => sample.DraftsPerPass * sample.ForwardPasses)
        / Math.Max(1, samples.Sum(sample => sample.ForwardPasses));

    public double TokensPerPass { get; } = (double)samples.Sum(sample => sample.Tokens)
        / Math.Max(1, samples.Sum(sample => sample.ForwardPasses));

    /// <summary>Seconds, without prefill and image decoder.</summary>
    public double DecodeMedian { get; } = Quantile(samples.Select(sample => sample.Decode), 0.5);

    public double Decode95 { get; } = Quantile(samples.Select(sample => sample.Decode), 0.95);

    /// <summary>Seconds of a whole image.</summary>
    public double TotalMedian { get; } = Quantile(samples.Select(sample => sample.Total), 0.5);

    public double Total95 { get; } = Quantile(samples.Select(sample => sample.Total), 0.95);

    /// <summary>Seconds of a forward pass with its sampling, in the median image.</summary>
    public double PassMedian { get; } = Quantile(samples.Select(sample => sample.Decode / Math.Max(1, sample.ForwardPasses)), 0.5);

    /// <summary>The share of all time that ONNX Runtime computed while decoding.</summary>
    public double RunShare { get; } = samples.Sum(sample => sample.Run) / samples.Sum(sample => sample.Total);

    /// <summary>The share of the rest of decoding: probabilities, acceptance, drafts.</summary>
    public double SamplingShare { get; } = samples.Sum(sample => sample.Decode - sample.Run) / samples.Sum(sample => sample.Total);

    /// <summary>The share of tokenizer, prefill and image decoder.</summary>
    public double OtherShare => 1 - RunShare - SamplingShare;

    /// <summary>Interpolates between the two values around a quantile (type 7 of Hyndman and Fan, as NumPy and R do).</summary>
    /// <param name="values">One or more, in any order.</param>
    /// <param name="share">0 is the least value, 1 the greatest.</param>
    public static double Quantile(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        double at = share * (sorted.Length - 1);
        int below = (int)at;
        int above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + ((at - below) * (sorted[above] - sorted[below]));
    }
}

/// <summary>Everything that was measured.</summary>
/// <param name="Cells">Those that were measured.</param>
/// <param name="PeakMemory">Bytes, by precision and batch; without those that could not be measured.</param>
/// <param name="PassCosts">What windows of auto were chosen by; empty if there were none.</param>
/// <param name="Complete">False if it was stopped before the end.</param>
internal sealed record BenchResults(
    BenchOptions Options, BenchEnvironment Environment, IReadOnlyList<CellSummary> Cells,
    IReadOnlyDictionary<(Precision Precision, int Batch), long> PeakMemory, IReadOnlyList<PassCostTable> PassCosts, bool Complete)
{
    private IEnumerable<CellSummary> Baselines => Cells.Where(each => each.Cell.IsBaseline);

    /// <summary>How many times faster decoding is than with ar at the same precision and batch; null if that was not measured.</summary>
    public double? SpeedUp(CellSummary summary) => Ratio(
        Baselines.FirstOrDefault(each => (each.Cell.Precision, each.Cell.Batch) == (summary.Cell.Precision, summary.Cell.Batch)), summary);

    /// <summary>The same against the fastest ar of all precisions and batches.</summary>
    public double? SpeedUpOverBest(CellSummary summary) =>
        Ratio(Baselines.MinBy(each => each.DecodeMedian), summary);

    public long? PeakMemoryOf(BenchCell cell) => PeakMemory.TryGetValue((cell.Precision, cell.Batch), out long bytes) ? bytes : null;

    private static double? Ratio(CellSummary? baseline, CellSummary summary) =>
        baseline is null ? null : baseline.DecodeMedian / summary.DecodeMedian;
}
