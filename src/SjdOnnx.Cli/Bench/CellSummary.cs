namespace SjdOnnx.Cli.Bench;

/// <summary>A cell's samples in a few figures.</summary>
/// <param name="samples">One or more.</param>
internal sealed class CellSummary(BenchCell cell, IReadOnlyList<BenchSample> samples)
{
    public BenchCell Cell => cell;

    public IReadOnlyList<BenchSample> Samples => samples;

    /// <summary>Forward passes of a picture, on average.</summary>
    public double ForwardPasses { get; } = samples.Average(sample => sample.ForwardPasses);

    /// <summary>Drafts that a pass judged, on average.</summary>
    public double DraftsPerPass { get; } = samples.Sum(sample => sample.DraftsPerPass * sample.ForwardPasses)
        / Math.Max(1, samples.Sum(sample => sample.ForwardPasses));

    public double TokensPerPass { get; } = (double)samples.Sum(sample => sample.Tokens)
        / Math.Max(1, samples.Sum(sample => sample.ForwardPasses));

    /// <summary>Seconds, without prefill and image.</summary>
    public double DecodeMedian { get; } = Quantile.Median(samples.Select(sample => sample.Decode));

    public double Decode95 { get; } = Quantile.Of(samples.Select(sample => sample.Decode), 0.95);

    /// <summary>Seconds of a whole picture.</summary>
    public double TotalMedian { get; } = Quantile.Median(samples.Select(sample => sample.Total));

    public double Total95 { get; } = Quantile.Of(samples.Select(sample => sample.Total), 0.95);

    /// <summary>Seconds of a forward pass with its sampling, in the median picture.</summary>
    public double PassMedian { get; } = Quantile.Median(samples.Select(sample => sample.Decode / Math.Max(1, sample.ForwardPasses)));

    /// <summary>Of all time, the part inside ONNX Runtime while decoding.</summary>
    public double RunShare { get; } = samples.Sum(sample => sample.Run) / samples.Sum(sample => sample.Total);

    /// <summary>Of all time, the rest of decoding: probabilities, acceptance, drafts.</summary>
    public double SamplingShare { get; } = samples.Sum(sample => sample.Decode - sample.Run) / samples.Sum(sample => sample.Total);

    /// <summary>Of all time, tokenizer, prefill and image.</summary>
    public double OtherShare => 1 - RunShare - SamplingShare;
}
