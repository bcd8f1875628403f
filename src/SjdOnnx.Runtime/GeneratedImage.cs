using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Runtime;

/// <summary>A picture as pixels, and how it was drawn. It becomes a file when it is encoded or saved.</summary>
public sealed class GeneratedImage
{
    /// <summary>Pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Pixels.</summary>
    public required int Height { get; init; }

    /// <summary>[height × width × 3] from 0 to 255, row-major.</summary>
    public required ReadOnlyMemory<byte> Rgb { get; init; }

    /// <summary>The model's ids of all the picture's tokens, the structural ones included.</summary>
    public required IReadOnlyList<int> TokenIds { get; init; }

    /// <summary>The image codes among them, row by row, counted from 0.</summary>
    public required IReadOnlyList<int> Codes { get; init; }

    /// <summary>Those of the tokens that are image codes.</summary>
    public required int ImageTokens { get; init; }

    /// <summary>Forward passes, the prefill not counted.</summary>
    public required int ForwardPasses { get; init; }

    /// <summary>
    /// Image tokens for each of these passes. The prefill settles one as well, so it can be a little above what passes accept.
    /// </summary>
    public double TokensPerPass => ForwardPasses == 0 ? ImageTokens : (double)ImageTokens / ForwardPasses;

    /// <summary>Entry k: how many of the passes accepted k drafts.</summary>
    public required IReadOnlyList<int> AcceptedHistogram { get; init; }

    /// <summary>Drafts that these passes judged, in the mean: about the window, or what auto chose.</summary>
    public required double DraftsPerPass { get; init; }

    /// <summary>After the prefill and after each of the passes; null unless the request wanted it.</summary>
    public IReadOnlyList<PassTrace>? Trace { get; init; }

    public required GenerationTimings Seconds { get; init; }

    public required GenerationSettings Settings { get; init; }

    /// <summary>The model that drew it.</summary>
    public required ModelDescription Model { get; init; }

    /// <summary>The bytes of an image file. Equal pictures have equal bytes.</summary>
    /// <exception cref="ArgumentException">The format does not have what the options ask for, such as a quality of PNG.</exception>
    public byte[] Encode(ImageFormat format = ImageFormat.Png, ImageFileOptions? options = null)
    {
        options ??= ImageFileOptions.Default;
        return ImageEncoder.Encode(Rgb, Width, Height, format, options, options.Metadata ? GenerationData.Of(this) : null);
    }

    /// <summary>Encodes on the thread pool and writes an image file, over what is there. The file appears whole or not at all.</summary>
    /// <param name="path">Its extension chooses the format: .png, .jpg, .jpeg or .webp.</param>
    /// <exception cref="ArgumentException">The extension names no format, or the format does not have what the options ask for.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be written.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested; what was there is as it was.</exception>
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
    /// <exception cref="ArgumentException">The format does not have what the options ask for.</exception>
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

/// <summary>
/// Where the time went, in seconds. Pictures that share a pass are charged equal parts of it, so that the sums over all pictures are the
/// time it took.
/// </summary>
/// <param name="Load">Loading the model, before any request.</param>
/// <param name="Prefill">Reading the prompt: tokenizer and this picture's part of the first pass.</param>
/// <param name="Decode">This picture's part of all passes after it, sampling included, previews not.</param>
/// <param name="Image">The image decoder at the end.</param>
/// <param name="Run">The part of <paramref name="Decode"/> that ONNX Runtime computed.</param>
/// <param name="Elapsed">
/// From the moment the request's turn came to the finished picture: in a batch other pictures were drawn meanwhile.
/// </param>
public sealed record GenerationTimings(double Load, double Prefill, double Decode, double Image, double Run, double Elapsed);

/// <summary>The request with the model's defaults filled in.</summary>
public sealed record GenerationSettings
{
    public required string Prompt { get; init; }

    /// <summary>What the picture must not show; null where the model does not read that.</summary>
    public string? Negative { get; init; }

    /// <summary>How the prompt was cleaned before it was read; null for not at all.</summary>
    public string? Cleaning { get; init; }

    public required ulong Seed { get; init; }

    public required string Method { get; init; }

    public required WindowSize Window { get; init; }

    public required string Initialisation { get; init; }

    /// <summary>What the method looks at beside window and initialisation; null if it is nothing.</summary>
    public MethodSettings? MethodSettings { get; init; }

    public required float Guidance { get; init; }

    public required float Temperature { get; init; }

    public required int TopK { get; init; }

    public required float TopP { get; init; }

    public required ImageSize Size { get; init; }

    public required string Precision { get; init; }

    public required string Provider { get; init; }

    public required int Threads { get; init; }
}
