using SjdOnnx.Runtime.Images;

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
/// <param name="Rgb">[height × width × 3] from 0 to 255, row-major.</param>
public sealed record GenerationPreview(int Width, int Height, int FinishedHeight, ReadOnlyMemory<byte> Rgb) : GenerationEvent
{
    private static readonly ImageFileOptions Fast = new() { Fast = true };

    /// <summary>The bytes of an image file, without generation data.</summary>
    /// <param name="options">Null for <see cref="ImageFileOptions.Fast"/> and defaults.</param>
    /// <exception cref="ArgumentException">The format does not have what the options ask for, such as a quality of PNG.</exception>
    public byte[] Encode(ImageFormat format = ImageFormat.Png, ImageFileOptions? options = null) =>
        ImageEncoder.Encode(Rgb, Width, Height, format, options ?? Fast, data: null);
}

/// <summary>The last event of every stream that was neither cancelled nor failed.</summary>
public sealed record GenerationCompleted(GeneratedImage Image) : GenerationEvent;
