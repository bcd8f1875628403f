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

    /// <summary>
    /// How far the noise of the training images is removed from the image, 0 to 2: 0 not at all, 1 by the step that is best in theory.
    /// Null for 1 if the model's noise is known. <see cref="FlowSample.Tokens"/> keep the noise.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of range.</exception>
    public float? Denoising
    {
        get;
        init => field = value is null or (>= 0 and <= 2)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Denoising), value, "Denoising must be from 0 to 2; 0 keeps the noise.");
    }

    /// <summary>How each block is sampled; null for the plan in the model folder, or else one token after another.</summary>
    public FlowPlan? Plan { get; init; }
}
