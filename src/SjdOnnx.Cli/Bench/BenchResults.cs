using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Bench;

/// <summary>Everything that was measured.</summary>
/// <param name="PassCosts">What auto windows went by; empty if there were none.</param>
/// <param name="Complete">False if it was stopped before the end.</param>
/// <param name="PeakMemory">Bytes, by precision and batch; absent where the system does not tell.</param>
internal sealed record BenchResults(
    BenchOptions Options, BenchEnvironment Environment, IReadOnlyList<CellSummary> Cells,
    IReadOnlyDictionary<(string Precision, int Batch), long> PeakMemory, IReadOnlyList<PassCostTable> PassCosts, bool Complete)
{
    private IEnumerable<CellSummary> Baselines => Cells.Where(each => each.Cell.IsBaseline);

    /// <summary>How many times less time decoding takes than by <c>ar</c> at the same precision and batch; null where that was not
    /// measured.</summary>
    public double? SpeedUp(CellSummary summary) => Ratio(
        Baselines.FirstOrDefault(each => (each.Cell.Precision, each.Cell.Batch) == (summary.Cell.Precision, summary.Cell.Batch)), summary);

    /// <summary>The same against the fastest <c>ar</c> of all precisions and batches.</summary>
    public double? SpeedUpOverBest(CellSummary summary) =>
        Ratio(Baselines.MinBy(each => each.DecodeMedian), summary);

    public long? PeakMemoryOf(BenchCell cell) => PeakMemory.TryGetValue((cell.Precision, cell.Batch), out long bytes) ? bytes : null;

    private static double? Ratio(CellSummary? baseline, CellSummary summary) =>
        baseline is null ? null : baseline.DecodeMedian / summary.DecodeMedian;
}
