namespace SjdOnnx.Runtime;

/// <summary>What an image shows. How it is drawn is a matter of <see cref="GenerationOptions"/>.</summary>
public sealed record GenerationRequest
{
    /// <summary>What the image shows, in words; a number for models that draw classes.</summary>
    public required string Prompt { get; init; }

    /// <summary>
    /// What the image must not show, for models with a <see cref="ModelDescription.DefaultNegativePrompt"/>; null takes that default.
    /// </summary>
    public string? NegativePrompt { get; init; }

    /// <summary>Selects one of the images of this prompt: the same request with the same seed and options gives the same bytes.</summary>
    public ulong Seed { get; init; }
}
