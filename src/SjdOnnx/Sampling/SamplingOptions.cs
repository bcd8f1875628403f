namespace SjdOnnx.Sampling;

/// <summary>What turns a model's logits into the distribution that codes are drawn from.</summary>
public sealed record SamplingOptions
{
    /// <summary>The largest <see cref="Guidance"/>.</summary>
    public const float LargestGuidance = 100;

    /// <summary>The largest <see cref="Temperature"/>.</summary>
    public const float LargestTemperature = 100;

    /// <summary>
    /// How far to go from the unconditional logits u past the conditional ones c: u + guidance · (c − u), 0 to <see cref="LargestGuidance"/>.
    /// 1 is no guidance, and the unconditional lane is not looked at.
    /// </summary>
    /// <remarks>Ho and Salimans, "Classifier-Free Diffusion Guidance", arXiv:2207.12598.</remarks>
    public float Guidance
    {
        get;
        init => field = InRange(value, 0, LargestGuidance, nameof(Guidance), "1 means no guidance, 3 is usual");
    } = 1;

    /// <summary>What the logits are divided by, 0 to <see cref="LargestTemperature"/>; 0 always takes the most probable code.</summary>
    public float Temperature
    {
        get;
        init => field = InRange(value, 0, LargestTemperature, nameof(Temperature), "1 draws as the model was trained, 0 takes the most probable code");
    } = 1;

    /// <summary>Only the codes with the k largest logits can be drawn, and all that tie with the k-th; 0 is off.</summary>
    public int TopK
    {
        get;
        init => field = value >= 0
            ? value
            : throw new ArgumentOutOfRangeException(nameof(TopK), value, "TopK must be 0 or more; 0 keeps every code.");
    }

    /// <summary>
    /// Only the fewest most probable codes that together hold this probability can be drawn, and all that tie with the last of them;
    /// above 0 to 1, where 1 is off.
    /// </summary>
    /// <remarks>Holtzman et al., "The Curious Case of Neural Text Degeneration", arXiv:1904.09751.</remarks>
    public float TopP
    {
        get;
        init => field = value is > 0 and <= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(TopP), value, "TopP must be above 0 and at most 1; 1 keeps every code.");
    } = 1;

    // written so that NaN fails, too
    private static float InRange(float value, float least, float most, string name, string advice) => value >= least && value <= most
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} must be between {least} and {most}; {advice}.");
}
