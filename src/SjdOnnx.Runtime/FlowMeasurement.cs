using SjdOnnx.Flows;

namespace SjdOnnx.Runtime;

/// <summary>How a flow is measured.</summary>
public sealed record FlowMeasureOptions
{
    /// <summary>Samples to measure on, 1 to 1000. They are drawn one token after another, with the classes in turn.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of range.</exception>
    public int Samples
    {
        get;
        init => field = value is >= 1 and <= 1000
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Samples), value, "Samples must be from 1 to 1000.");
    } = 8;

    /// <summary>When a segment stands; see <see cref="BlockPlan.Tolerance"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative or not finite.</exception>
    public double Tolerance
    {
        get;
        init => field = value >= 0 && double.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Tolerance), value, "Tolerance must be a finite number, 0 or more.");
    } = BlockPlan.DefaultTolerance;

    /// <summary>
    /// The largest difference to sampling one token after another that a block's plan may make in any number of any sample, above 0.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not above 0.</exception>
    public double Accuracy
    {
        get;
        init => field = value > 0
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Accuracy), value, "Accuracy must be above 0.");
    } = 0.01;
}

/// <summary>What was measured of a flow.</summary>
/// <param name="Blocks">The blocks in the order of sampling.</param>
/// <param name="Plan">The fastest way of each block that was exact enough.</param>
public sealed record FlowMeasurement(IReadOnlyList<BlockMeasurement> Blocks, FlowPlan Plan);

/// <summary>What was measured of a block.</summary>
/// <param name="Metrics">The published metrics.</param>
/// <param name="Share">The share of the convergence metric in that of all blocks, 0 to 1.</param>
/// <param name="Ways">The ways to solve it that were tried, the first of them one token after another.</param>
public sealed record BlockMeasurement(BlockMetrics Metrics, double Share, IReadOnlyList<WayMeasurement> Ways);

/// <summary>A way to solve a block.</summary>
/// <param name="Plan">The way.</param>
/// <param name="Duration">Time for a sample, the mean of all samples.</param>
/// <param name="Passes">Passes for a sample, the mean.</param>
/// <param name="Rows">Tokens that these passes read, the mean.</param>
/// <param name="Difference">The largest difference to one token after another, in any number of any sample.</param>
public sealed record WayMeasurement(BlockPlan Plan, TimeSpan Duration, double Passes, double Rows, double Difference);
