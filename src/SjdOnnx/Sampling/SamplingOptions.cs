namespace SjdOnnx.Sampling;

/// <summary>Settings that turn a model's logits into the distribution that codes are drawn from.</summary>
public sealed record SamplingOptions
{
    /// <summary>The largest <see cref="Guidance"/>.</summary>
    public const float MaxGuidance = 100;

    /// <summary>The largest <see cref="Temperature"/>.</summary>
    public const float MaxTemperature = 100;

    /// <summary>
    /// Classifier-free guidance, 0 to <see cref="MaxGuidance"/>: the logits become u + guidance · (c − u), with the conditional logits c
    /// and the unconditional logits u. 1 means no guidance; the unconditional lane is then ignored.
    /// </summary>
    /// <remarks>Ho and Salimans, "Classifier-Free Diffusion Guidance", arXiv:2207.12598.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of range or NaN.</exception>
    public float Guidance
    {
        get;
        init => field = InRange(value, 0, MaxGuidance, nameof(Guidance), "1 means no guidance, 3 is usual");
    } = 1;

    /// <summary>The divisor of the logits, 0 to <see cref="MaxTemperature"/>. 0 always takes the most probable code.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of range or NaN.</exception>
    public float Temperature
    {
        get;
        init => field = InRange(
            value, 0, MaxTemperature, nameof(Temperature), "1 draws as the model was trained, 0 takes the most probable code");
    } = 1;

    /// <summary>
    /// Only the codes with the k largest logits can be drawn, and all that tie with the last of them. 0 keeps every code.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public int TopK
    {
        get;
        init => field = value >= 0
            ? value
            : throw new ArgumentOutOfRangeException(nameof(TopK), value, "TopK must be 0 or more; 0 keeps every code.");
    }

    /// <summary>
    /// Only the most probable codes can be drawn: the fewest whose probabilities sum to at least this value, and all that tie with the last
    /// of them. Above 0 and at most 1; 1 keeps every code.
    /// </summary>
    /// <remarks>Holtzman et al., "The Curious Case of Neural Text Degeneration", arXiv:1904.09751.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of range or NaN.</exception>
    public float TopP
    {
        get;
        init => field = value is > 0 and <= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(TopP), value, "TopP must be above 0 and at most 1; 1 keeps every code.");
    } = 1;

    // the comparison is false for NaN
    private static float InRange(float value, float least, float most, string name, string advice) => value >= least && value <= most
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} must be between {least} and {most}; {advice}.");
}
