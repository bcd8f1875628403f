namespace SjdOnnx.Runtime;

/// <summary>
/// What happens while a picture is drawn: <see cref="GenerationProgress"/>, <see cref="GenerationPreview"/>,
/// and at last <see cref="GenerationCompleted"/>.
/// </summary>
public abstract record GenerationEvent
{
    private protected GenerationEvent() { }
}

/// <summary>After each forward pass.</summary>
/// <param name="Tokens">Image tokens settled.</param>
/// <param name="TotalTokens">Image tokens of the picture.</param>
/// <param name="ForwardPasses">Passes so far, the prefill not counted.</param>
/// <param name="Elapsed">Since the request left the queue.</param>
public sealed record GenerationProgress(int Tokens, int TotalTokens, int ForwardPasses, TimeSpan Elapsed) : GenerationEvent;

/// <summary>The picture so far.</summary>
/// <param name="FinishedHeight">Pixel rows from the top that are drawn; below, every column repeats its last code.</param>
/// <param name="Rgb">[height × width × 3], row-major.</param>
/// <param name="Png">The image as a PNG file.</param>
public sealed record GenerationPreview(int Width, int Height, int FinishedHeight, ReadOnlyMemory<byte> Rgb, ReadOnlyMemory<byte> Png)
    : GenerationEvent;

/// <summary>The last event of every stream that was neither cancelled nor failed.</summary>
public sealed record GenerationCompleted(GeneratedImage Image) : GenerationEvent;
