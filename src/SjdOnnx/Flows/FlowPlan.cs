using System.Text.Json.Serialization;

namespace SjdOnnx.Flows;

/// <summary>What an iteration starts from.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<InitialGuess>))]
public enum InitialGuess
{
    /// <summary>The block's noise.</summary>
    [JsonStringEnumMemberName("noise")]
    Noise,

    /// <summary>The first token of the noise, which is solved, and zeros.</summary>
    [JsonStringEnumMemberName("zeros")]
    Zeros,
}

/// <summary>What a segment leaves in the cache for the segments after it.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<CacheCommit>))]
public enum CacheCommit
{
    /// <summary>Those of the last pass, whose inputs are one update older than the solution. The published sampler does this.</summary>
    [JsonStringEnumMemberName("stale")]
    Stale,

    /// <summary>Keys and values of the solution, for one more pass.</summary>
    [JsonStringEnumMemberName("refresh")]
    Refresh,
}

/// <summary>How large a change of the iterate is.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ChangeMeasure>))]
public enum ChangeMeasure
{
    /// <summary>The largest change of a number.</summary>
    [JsonStringEnumMemberName("largest")]
    Largest,

    /// <summary>The published measure: the Frobenius norm of the change, divided by the channels of a token.</summary>
    [JsonStringEnumMemberName("norm")]
    Norm,
}

/// <summary>How one block is sampled.</summary>
public sealed record BlockPlan
{
    /// <summary>One token after another.</summary>
    public static readonly BlockPlan Sequential = new() { Segments = 0 };

    /// <summary>
    /// Segments of equal length that are solved one after another, each by Jacobi iteration: 0 for one token after another, 1 for all
    /// tokens at once.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public int Segments
    {
        get;
        init => field = value >= 0
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Segments), value, "Segments must be 0 (one token after another) or more.");
    } = 1;

    /// <summary>The most updates of a segment, 1 or more; null for as many as it has tokens, which is always exact.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public int? MaxUpdates
    {
        get;
        init => field = value is null or >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(MaxUpdates), value, "MaxUpdates must be 1 or more updates, or null.");
    }

    /// <summary>A segment stands once an update changes it by no more than this, 0 or more.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative or not finite.</exception>
    public double Tolerance
    {
        get;
        init => field = value >= 0 && double.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Tolerance), value, "Tolerance must be a finite number, 0 or more.");
    } = DefaultTolerance;

    /// <summary>How a change is measured.</summary>
    public ChangeMeasure Measure { get; init; }

    /// <summary>What the iteration starts from.</summary>
    public InitialGuess Guess { get; init; }

    /// <summary>What a segment leaves in the cache.</summary>
    public CacheCommit Commit { get; init; }

    /// <summary>
    /// Whether an update leaves out the inputs at the beginning of the segment that stand: their keys and values are in the cache. The
    /// published sampler reads the whole segment again.
    /// </summary>
    public bool SkipsSettled { get; init; } = true;

    /// <summary>
    /// The largest magnitude of a number after an update, above 0; null for no limit. The published sampler limits numbers to 3, which
    /// changes those that are truly larger.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not above 0.</exception>
    public float? Limit
    {
        get;
        init => field = value is null or > 0
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Limit), value, "Limit must be above 0, or null for no limit.");
    }

    /// <summary>A quarter of a step between two of the 256 values of a pixel.</summary>
    public const double DefaultTolerance = 0.002;
}

/// <summary>How a picture is sampled.</summary>
public sealed record FlowPlan
{
    /// <summary>A plan for each block, in the order of sampling: the first is for the block with the highest number.</summary>
    /// <exception cref="ArgumentException">There is none, or one of them is null.</exception>
    public required IReadOnlyList<BlockPlan> Blocks
    {
        get;
        init => field = value is { Count: > 0 } && value.All(static plan => plan is not null)
            ? value
            : throw new ArgumentException("Blocks must hold a plan for each block.", nameof(Blocks));
    }

    /// <summary>All blocks one token after another.</summary>
    /// <param name="blocks">Blocks of the flow, 1 or more.</param>
    public static FlowPlan Sequential(int blocks) => All(blocks, BlockPlan.Sequential);

    /// <summary>All blocks in the same way.</summary>
    /// <param name="blocks">Blocks of the flow, 1 or more.</param>
    /// <param name="plan">The plan of each.</param>
    public static FlowPlan All(int blocks, BlockPlan plan) => new() { Blocks = [.. Enumerable.Repeat(plan, blocks)] };

    /// <summary>
    /// The way of SeJD (arXiv 2505.24791): the first block that is sampled one token after another, all others by Jacobi iteration.
    /// </summary>
    /// <param name="blocks">Blocks of the flow, 1 or more.</param>
    /// <param name="jacobi">The plan of the others.</param>
    public static FlowPlan FirstSequential(int blocks, BlockPlan jacobi) =>
        new() { Blocks = [BlockPlan.Sequential, .. Enumerable.Repeat(jacobi, blocks - 1)] };

    /// <summary>Checks that the plan fits a flow.</summary>
    /// <param name="blocks">Blocks of the flow.</param>
    /// <param name="tokens">Tokens of a sequence.</param>
    /// <exception cref="ArgumentException">It does not.</exception>
    public void CheckFor(int blocks, int tokens)
    {
        if (Blocks.Count != blocks)
            throw new ArgumentException($"The plan has {Blocks.Count} blocks; the model has {blocks}. Make a plan for this model.");
        for (int i = 0; i < blocks; i++)
        {
            int segments = Blocks[i].Segments;
            if (segments > tokens || (segments > 0 && tokens % segments != 0))
            {
                throw new ArgumentException(
                    $"The plan has {segments} segments for block {blocks - 1 - i}; it must be a divisor of the {tokens} tokens, or 0 for " +
                    "one token after another.");
            }
        }
    }
}
