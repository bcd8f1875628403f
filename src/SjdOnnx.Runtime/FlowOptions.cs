using SjdOnnx.Flows;

namespace SjdOnnx.Runtime;

/// <summary>What a flow samples, and how.</summary>
public sealed record FlowOptions
{
    /// <summary>The number of the class; null for any.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public int? Class
    {
        get;
        init => field = value is null or >= 0
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Class), value, "Class must be the number of a class, or null for any.");
    }

    /// <summary>Identifies a series of samples. The same seed and index give the same noise, whatever else is sampled.</summary>
    public ulong Seed { get; init; }

    /// <summary>The number of the sample in the series.</summary>
    public uint Index { get; init; }

    /// <summary>Guidance away from samples of no class. Needs <see cref="Class"/> if its strength is above 0.</summary>
    public FlowGuidance Guidance { get; init; } = new();

    /// <summary>How each block is sampled; null for the plan in the model folder, or else one token after another.</summary>
    public FlowPlan? Plan { get; init; }
}
