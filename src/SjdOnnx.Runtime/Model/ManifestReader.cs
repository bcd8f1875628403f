using System.Text.Json;

namespace SjdOnnx.Runtime.Model;

/// <summary>Reads model.json and checks what can be checked without the graphs.</summary>
internal static class ManifestReader
{
    public const string FileName = "model.json";

    /// <summary>The one version of the contract this engine reads.</summary>
    public const int Format = 2;

    /// <exception cref="ModelException">The text is no model.json, or one of its values cannot be meant.</exception>
    public static Manifest Read(ReadOnlySpan<byte> json)
    {
        Manifest manifest;
        try
        {
            // First: a later format may well have fields that this one does not know.
            RequireFormat(json);
            manifest = JsonSerializer.Deserialize(json, ManifestJson.Default.Manifest)
                ?? throw new JsonException("The file holds only null.");
        }
        catch (JsonException error)
        {
            throw new ModelException($"{FileName}{Place(error)} cannot be read: {Reason(error)} {ModelFolder.Remedy}", error);
        }
        ManifestRules.Check(manifest);
        return manifest;
    }

    private static void RequireFormat(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        using JsonDocument document = JsonDocument.ParseValue(ref reader);
        JsonElement root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("format", out JsonElement format))
            throw new ModelException($"{FileName} has no field \"format\", so it is not the description of a model. {ModelFolder.Remedy}");
        if (format.ValueKind != JsonValueKind.Number || !format.TryGetInt32(out int number) || number != Format)
            throw new ModelException(
                $"{FileName} has format {format.GetRawText()}; this engine reads format {Format}. Export the model again with the " +
                "exporter of this version.");
    }

    private static string Place(JsonException error) =>
        error.LineNumber is long line ? $", line {line + 1}," : "";

    /// <summary>
    /// The reader's sentence without the coordinates it appends, which <see cref="Place"/> has said, and without type names.
    /// </summary>
    private static string Reason(JsonException error)
    {
        string message = error.Message;
        int coordinates = message.IndexOf(" Path: ", StringComparison.Ordinal);
        if (coordinates < 0)
            coordinates = message.IndexOf(" LineNumber: ", StringComparison.Ordinal);
        message = coordinates < 0 ? message : message[..coordinates];
        message = message.Replace($"{typeof(Manifest).Namespace}.", "", StringComparison.Ordinal).ReplaceLineEndings(" ");
        return message.EndsWith('.') ? message : message + ".";
    }
}
