using System.Text.Json;
using System.Text.Json.Serialization;

namespace SjdOnnx.Fleet;

/// <summary>An image to draw: the message on the queue.</summary>
/// <param name="Job">The job's name.</param>
/// <param name="Index">Of the image in its job, from 0.</param>
/// <param name="Line">Of the input, from 1.</param>
/// <param name="File">The image file's name in the job's folder.</param>
/// <param name="Prompt">What the image shows.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Values">The values of options by name.</param>
public sealed record ImageMessage(
    string Job, int Index, int Line, string File, string Prompt, ulong Seed, IReadOnlyDictionary<string, string> Values)
{
    private const int CurrentFormat = 1;

    /// <summary>The version of this record.</summary>
    public int Format { get; init; } = CurrentFormat;

    /// <summary>Of the line; null if it has none.</summary>
    public string? Id { get; init; }

    /// <summary>The message's body.</summary>
    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, FleetJson.Default.ImageMessage);

    /// <summary>Reads a message's body.</summary>
    /// <exception cref="JsonException">It is not such a message, or is of another version.</exception>
    public static ImageMessage FromBytes(ReadOnlySpan<byte> body)
    {
        ImageMessage message = JsonSerializer.Deserialize(body, FleetJson.Default.ImageMessage)
            ?? throw new JsonException("The message is null.");
        return message.Format == CurrentFormat
            ? message
            : throw new JsonException($"The message has the format {message.Format}; this version reads {CurrentFormat}.");
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(ImageMessage))]
[JsonSerializable(typeof(JobEvent))]
internal sealed partial class FleetJson : JsonSerializerContext;
