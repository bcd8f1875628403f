using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Runtime;

/// <summary>An image as pixels, and how it was drawn. It becomes a file when it is encoded or saved.</summary>
public sealed class GeneratedImage
{
    /// <summary>The pixels.</summary>
    public required RgbImage Pixels { get; init; }

    /// <summary>Width in pixels.</summary>
    public int Width => Pixels.Width;

    /// <summary>Height in pixels.</summary>
    public int Height => Pixels.Height;

    /// <summary>The model's ids of all the image's tokens, structural ones included.</summary>
    public required IReadOnlyList<int> TokenIds { get; init; }

    /// <summary>The image codes among the tokens, row by row, counted from 0.</summary>
    public required IReadOnlyList<int> Codes { get; init; }

    /// <summary>Tokens that the model read before the image: the prompt with the ids around it, in the lane with the prompt.</summary>
    public int PromptTokens { get; init; }

    /// <summary>Tokens that are image codes.</summary>
    public int ImageTokens => Codes.Count;

    /// <summary>Forward passes, not counting the prefill.</summary>
    public required int ForwardPasses { get; init; }

    /// <summary>
    /// Image tokens for each of these passes. The prefill settles one token too, so this can be a little above what passes accept.
    /// </summary>
    public double TokensPerPass => ForwardPasses == 0 ? ImageTokens : (double)ImageTokens / ForwardPasses;

    /// <summary>Entry k: how many of the passes accepted k drafts.</summary>
    public required IReadOnlyList<int> AcceptedHistogram { get; init; }

    /// <summary>The mean number of drafts that these passes judged: about the window, or what auto chose.</summary>
    public required double DraftsPerPass { get; init; }

    /// <summary>
    /// The window after the prefill and after each of the passes; null unless <see cref="GenerationOptions.Trace"/> asked for it.
    /// </summary>
    public IReadOnlyList<PassTrace>? Trace { get; init; }

    /// <summary>Where the time went.</summary>
    public required GenerationTimings Timings { get; init; }

    /// <summary>The request and its options, with every default filled in.</summary>
    public required GenerationSettings Settings { get; init; }

    /// <summary>The model that drew it.</summary>
    public required ModelDescription Model { get; init; }

    /// <summary>Returns the bytes of an image file. Equal images have equal bytes.</summary>
    /// <param name="format">The file's format.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="ArgumentException">
    /// The options ask for something that the format does not have, such as a quality of PNG.
    /// </exception>
    public byte[] Encode(ImageFormat format = ImageFormat.Png, ImageFileOptions? options = null)
    {
        options ??= ImageFileOptions.Default;
        GenerationData? data = options.Metadata ? GenerationData.Of(this, options.Statistics) : null;
        return ImageEncoder.Encode(Pixels.Rgb, Width, Height, format, options, data);
    }

    /// <summary>Encodes on the thread pool and writes an image file, over what is there. The file appears whole or not at all.</summary>
    /// <param name="path">Its extension chooses the format: .png, .jpg, .jpeg or .webp.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Ends the call; what was there is as it was.</param>
    /// <exception cref="ArgumentException">
    /// The extension names no format, or the options ask for something that the format does not have.
    /// </exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be written.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public async Task SaveAsync(string path, ImageFileOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!ImageFormats.TryFromPath(path, out ImageFormat format))
        {
            throw new ArgumentException(
                $"The path is '{path}'; its extension must be one of {string.Join(", ", ImageFormats.Extensions)}.", nameof(path));
        }

        byte[] file = await Task.Run(() => Encode(format, options), cancellationToken).ConfigureAwait(false);
        await WholeFile.WriteAsync(path, file, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Encodes on the thread pool and writes the image file to a stream, which stays open.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="format">The file's format.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="ArgumentException">The options ask for something that the format does not have.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public async Task SaveAsync(
        Stream stream, ImageFormat format = ImageFormat.Png, ImageFileOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        byte[] file = await Task.Run(() => Encode(format, options), cancellationToken).ConfigureAwait(false);
        await stream.WriteAsync(file, cancellationToken).ConfigureAwait(false);
    }
}
