using System.Text.Json.Serialization;
using SjdOnnx.Runtime;
using SjdOnnx.Server.Drawing;

namespace SjdOnnx.Server.OpenAI;

/// <summary>The answer of OpenAI's images API. <c>seed</c> and <c>notes</c> are ours.</summary>
/// <param name="Created">Seconds since 1970.</param>
/// <param name="Data">The images, in the order of their seeds.</param>
/// <param name="Size">Such as <c>512x512</c>.</param>
/// <param name="OutputFormat">The format of the files.</param>
/// <param name="Usage">Tokens of the prompt and of the images.</param>
/// <param name="Notes">What the client should know about its request; null for nothing.</param>
internal sealed record ImagesAnswer(
    long Created, ImageItem[] Data, string Size, string OutputFormat, Usage Usage, IReadOnlyList<string>? Notes)
{
    public string Background { get; } = "opaque";

    public string Quality { get; } = "auto";
}

/// <summary>An image: a file in base64, or its address.</summary>
internal sealed record ImageItem(byte[]? B64Json, string? Url, ulong Seed);

/// <summary>Tokens that the model read and wrote.</summary>
internal sealed record Usage(int InputTokens, int OutputTokens)
{
    public int TotalTokens => InputTokens + OutputTokens;

    public InputTokensDetails InputTokensDetails => new(InputTokens);

    public static Usage Of(params IEnumerable<GeneratedImage> images) => new(
        images.Sum(static image => image.PromptTokens), images.Sum(static image => image.ImageTokens));
}

internal sealed record InputTokensDetails(int TextTokens)
{
    public int ImageTokens { get; }
}

/// <summary>An event with an image that is not finished.</summary>
internal sealed record PartialImageEvent(byte[] B64Json, int PartialImageIndex, long CreatedAt, string Size, string OutputFormat)
{
    public const string Name = "image_generation.partial_image";

    public string Type { get; } = Name;

    public string Background { get; } = "opaque";

    public string Quality { get; } = "auto";
}

/// <summary>The last event of a stream.</summary>
internal sealed record CompletedEvent(
    byte[] B64Json, long CreatedAt, string Size, string OutputFormat, Usage Usage, ulong Seed, IReadOnlyList<string>? Notes)
{
    public const string Name = "image_generation.completed";

    public string Type { get; } = Name;

    public string Background { get; } = "opaque";

    public string Quality { get; } = "auto";

    public static CompletedEvent Of(DrawingRequest request, GeneratedImage image, long createdAt) => new(
        image.Encode(request.Format, request.File), createdAt, image.Settings.Size.ToString(), ImageRequest.NameOf(request.Format),
        Usage.Of(image), image.Settings.Seed, request.Notes.Count > 0 ? request.Notes : null);
}

internal sealed record ModelItem(string Id, long Created)
{
    public string Object { get; } = "model";

    public string OwnedBy { get; } = "sjdonnx";
}

internal sealed record ModelsAnswer(ModelItem[] Data)
{
    public string Object { get; } = "list";
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ImagesAnswer))]
[JsonSerializable(typeof(PartialImageEvent))]
[JsonSerializable(typeof(CompletedEvent))]
[JsonSerializable(typeof(ModelsAnswer))]
[JsonSerializable(typeof(ModelItem))]
internal sealed partial class OpenAIJson : JsonSerializerContext;
