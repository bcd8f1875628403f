using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Cli.Batch;

/// <summary>
/// A line of results.jsonl: a finished image, or one that could not be drawn. It holds nothing that differs between two runs.
/// </summary>
/// <param name="Index">From 0.</param>
/// <param name="Line">Of the input, from 1.</param>
/// <param name="File">The name in the folder.</param>
/// <param name="Request">SHA-256 of all that decides the file's bytes.</param>
internal sealed record ImageResult(int Index, int Line, string File, string Request)
{
    private static readonly ImageResultJson Json =
        new(new JsonSerializerOptions(ImageResultJson.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    /// <summary>Null if the line has none.</summary>
    public string? Id { get; init; }

    /// <summary>The file's length; 0 if the image could not be drawn.</summary>
    public long Bytes { get; init; }

    /// <summary>SHA-256 of the file in lower-case hexadecimal digits; null if the image could not be drawn.</summary>
    public string? Sha256 { get; init; }

    /// <summary>Why the image could not be drawn; null if it is finished.</summary>
    public string? Error { get; init; }

    /// <summary>How the image was drawn, as its metadata say; null if it was not.</summary>
    public GenerationData? Sjdonnx { get; init; }

    [JsonIgnore]
    public bool IsFinished => Error is null;

    /// <summary>The result of an image without its file.</summary>
    public static ImageResult Of(CheckedImage image) =>
        new(image.Index, image.Image.Line, image.Name, image.Key) { Id = image.Image.Id };

    /// <summary>One line, without its end.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Json.ImageResult);

    /// <exception cref="JsonException">The text is not such a line.</exception>
    public static ImageResult FromJson(string json) =>
        JsonSerializer.Deserialize(json, Json.ImageResult) ?? throw new JsonException("The result is null.");
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ImageResult))]
internal sealed partial class ImageResultJson : JsonSerializerContext;
