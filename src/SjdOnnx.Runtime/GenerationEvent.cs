using System.Text.Json.Serialization;

namespace SjdOnnx.Runtime;

/// <summary>
/// What happens while an image is drawn: <see cref="GenerationProgress"/>, <see cref="GenerationPreview"/>, and at last
/// <see cref="GenerationCompleted"/>. In JSON, <c>type</c> is <c>progress</c>, <c>preview</c> or <c>completed</c>.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(GenerationProgress), "progress")]
[JsonDerivedType(typeof(GenerationPreview), "preview")]
[JsonDerivedType(typeof(GenerationCompleted), "completed")]
public abstract record GenerationEvent
{
    private protected GenerationEvent()
    {
    }
}

/// <summary>Comes after each forward pass.</summary>
/// <param name="Tokens">Image tokens settled.</param>
/// <param name="TotalTokens">Image tokens of the image.</param>
/// <param name="ForwardPasses">Passes so far, not counting the prefill.</param>
/// <param name="Elapsed">Since the request left the queue.</param>
public sealed record GenerationProgress(int Tokens, int TotalTokens, int ForwardPasses, TimeSpan Elapsed) : GenerationEvent;

/// <summary>The image so far.</summary>
/// <param name="FinishedHeight">Pixel rows from the top that are drawn. Below them, every column repeats its last code.</param>
/// <param name="Image">The pixels.</param>
public sealed record GenerationPreview(int FinishedHeight, RgbImage Image) : GenerationEvent;

/// <summary>The last event of every stream that was neither cancelled nor failed.</summary>
/// <param name="Image">The image.</param>
public sealed record GenerationCompleted(GeneratedImage Image) : GenerationEvent;
