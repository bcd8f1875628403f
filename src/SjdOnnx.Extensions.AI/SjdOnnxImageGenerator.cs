using System.Globalization;
using Microsoft.Extensions.AI;
using SjdOnnx.Runtime;
using Size = System.Drawing.Size;

namespace SjdOnnx.Extensions.AI;

/// <summary>
/// A <see cref="TextToImage"/> as an <see cref="IImageGenerator"/>. Thread-safe; the images of one call and of concurrent calls share
/// forward passes.
/// </summary>
/// <remarks>
/// <list type="bullet">
/// <item><see cref="ImageGenerationOptions.Count"/>: 1 by default. Image <c>i</c> has the seed <c>seed + i</c>.</item>
/// <item><see cref="ImageGenerationOptions.ImageSize"/>: the closest size that the model draws.</item>
/// <item><see cref="ImageGenerationOptions.MediaType"/>: image/png (the default), image/jpeg or image/webp.</item>
/// <item><see cref="ImageGenerationOptions.ResponseFormat"/>: data alone. Nothing is hosted, so there are no addresses to return.</item>
/// <item><see cref="ImageGenerationOptions.RawRepresentationFactory"/>: may return a <see cref="GenerationOptions"/>, which replaces the
/// defaults of this generator.</item>
/// <item><see cref="ImageGenerationOptions.AdditionalProperties"/>: <c>seed</c> (a whole number, by default 0) and <c>negative_prompt</c>
/// (text).</item>
/// </list>
/// </remarks>
public sealed class SjdOnnxImageGenerator : IImageGenerator
{
    private readonly TextToImage _model;
    private readonly GenerationOptions _defaults;
    private readonly ImageGeneratorMetadata _metadata;

    /// <param name="model">Draws the images. Disposing this generator leaves it open.</param>
    /// <param name="defaults">How images are drawn; null for the model's defaults.</param>
    public SjdOnnxImageGenerator(TextToImage model, GenerationOptions? defaults = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        (_model, _defaults) = (model, defaults ?? new GenerationOptions());
        _metadata = new ImageGeneratorMetadata("sjdonnx", providerUri: null, model.Model.Name);
    }

    /// <summary>Draws images from a prompt.</summary>
    /// <param name="request">The prompt. The model cannot edit images, so there must be no original ones.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Ends the call at once while it waits, and within one forward pass while images are drawn.</param>
    /// <returns>
    /// One <see cref="DataContent"/> for each image, in the order of their seeds. The raw representation is a list of
    /// <see cref="GeneratedImage"/>, and the usage counts image tokens as output.
    /// </returns>
    /// <exception cref="ArgumentException">The count, the media type or an additional property is not legal.</exception>
    /// <exception cref="NotSupportedException">
    /// The request has original images, or the options ask for another response than data.
    /// </exception>
    /// <exception cref="SjdOnnxException">The model cannot draw this, or a graph failed.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    /// <exception cref="ObjectDisposedException">The model was disposed.</exception>
    public async Task<ImageGenerationResponse> GenerateAsync(
        ImageGenerationRequest request, ImageGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.OriginalImages?.Any() == true)
            throw new NotSupportedException("The request has original images; this model draws from text alone. Leave them out.");
        if (options?.ResponseFormat is { } response and not ImageGenerationResponseFormat.Data)
            throw new NotSupportedException($"The response format is {response}; this generator returns data alone. Ask for Data.");
        int count = options?.Count ?? 1;
        if (count < 1)
            throw new ArgumentOutOfRangeException(nameof(options), count, "Count must be 1 or more images.");

        ImageFormat format = Format(options?.MediaType);
        ulong seed = Seed(options);
        string? negative = Property(options, "negative_prompt")?.ToString();
        IEnumerable<GenerationRequest> requests = Enumerable.Range(0, count).Select(index => new GenerationRequest
        {
            Prompt = request.Prompt ?? "",
            NegativePrompt = negative,
            Seed = seed + (ulong)index,
        });
        var images = new GeneratedImage[count];
        await foreach ((int index, GeneratedImage image) in _model
            .GenerateManyAsync(requests, Options(options), cancellationToken: cancellationToken).ConfigureAwait(false))
            images[index] = image;

        return new ImageGenerationResponse([.. images.Select(image => new DataContent(image.Encode(format), MediaType(format)))])
        {
            RawRepresentation = images,
            Usage = new UsageDetails { OutputTokenCount = images.Sum(static image => (long)image.ImageTokens) },
        };
    }

    /// <summary>
    /// Returns this generator, its <see cref="ImageGeneratorMetadata"/> or its <see cref="TextToImage"/>; null for other types.
    /// </summary>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null)
            return null;
        return serviceType == typeof(ImageGeneratorMetadata) ? _metadata
            : serviceType == typeof(TextToImage) ? _model
            : serviceType.IsInstanceOfType(this) ? this
            : null;
    }

    /// <summary>Does nothing: the model belongs to the application.</summary>
    public void Dispose()
    {
    }

    private GenerationOptions Options(ImageGenerationOptions? options)
    {
        GenerationOptions own = options?.RawRepresentationFactory?.Invoke(this) switch
        {
            null => _defaults,
            GenerationOptions raw => raw,
            { } other => throw new ArgumentException(
                $"RawRepresentationFactory returned {other.GetType()}; it must return {typeof(GenerationOptions)} or null.",
                nameof(options)),
        };
        return options?.ImageSize is Size size ? own with { Size = Closest(size), AspectRatio = null } : own;
    }

    /// <summary>The closest in shape; among equal shapes the closest in width.</summary>
    private ImageSize Closest(Size wanted)
    {
        if (wanted.Width < 1 || wanted.Height < 1)
            throw new ArgumentException($"ImageSize is {wanted.Width}x{wanted.Height}; both must be 1 or more pixels.");
        return _model.Model.Sizes
            .OrderBy(size => Math.Abs(Math.Log((double)size.Width / size.Height) - Math.Log((double)wanted.Width / wanted.Height)))
            .ThenBy(size => Math.Abs(size.Width - wanted.Width))
            .First();
    }

    private static ImageFormat Format(string? mediaType) => mediaType?.ToLowerInvariant() switch
    {
        null or "image/png" => ImageFormat.Png,
        "image/jpeg" => ImageFormat.Jpeg,
        "image/webp" => ImageFormat.WebP,
        _ => throw new ArgumentException($"MediaType is '{mediaType}'; it must be image/png, image/jpeg or image/webp."),
    };

    private static string MediaType(ImageFormat format) => format switch
    {
        ImageFormat.Jpeg => "image/jpeg",
        ImageFormat.WebP => "image/webp",
        _ => "image/png",
    };

    private static ulong Seed(ImageGenerationOptions? options) => Property(options, "seed") switch
    {
        null => 0,
        { } value when ulong.TryParse(
            Convert.ToString(value, CultureInfo.InvariantCulture), NumberStyles.None, CultureInfo.InvariantCulture, out ulong seed) => seed,
        { } value => throw new ArgumentException($"The additional property seed is '{value}'; it must be a whole number, 0 or more."),
    };

    private static object? Property(ImageGenerationOptions? options, string name) =>
        options?.AdditionalProperties?.TryGetValue(name, out object? value) == true ? value : null;
}

/// <summary>Makes an <see cref="IImageGenerator"/> of a model.</summary>
public static class TextToImageExtensions
{
    /// <inheritdoc cref="SjdOnnxImageGenerator(TextToImage, GenerationOptions?)"/>
    public static IImageGenerator AsImageGenerator(this TextToImage model, GenerationOptions? defaults = null) =>
        new SjdOnnxImageGenerator(model, defaults);
}
