using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;

namespace SjdOnnx.Runtime.Model;

/// <summary>Reads model.json and checks everything that does not need the graphs.</summary>
internal static partial class ManifestReader
{
    public const string FileName = "model.json";

    /// <summary>The format that this engine reads: the major version, and the newest minor version whose fields it knows.</summary>
    private const int Major = 3, Minor = 0;

    /// <summary>Reads the model.json of a model of images, which may begin with a byte order mark.</summary>
    /// <exception cref="ModelException">The text is not a model.json, or one of its values is not legal.</exception>
    public static Manifest Read(ReadOnlySpan<byte> json)
    {
        Manifest manifest = Read(json, ModelKind.Image, ManifestJson.Default.Manifest);
        ManifestRules.Check(manifest);
        return manifest;
    }

    /// <summary>Reads the model.json of one kind of model. The caller checks its values.</summary>
    /// <param name="json">The file, which may begin with a byte order mark.</param>
    /// <param name="kind">The kind that is needed; null for any.</param>
    /// <param name="fields">The fields of this kind. Unknown ones are errors, unless the format is newer than this engine's.</param>
    /// <exception cref="ModelException">The text is not a model.json, it is of another kind, or a field is wrong.</exception>
    public static T Read<T>(ReadOnlySpan<byte> json, ModelKind? kind, JsonTypeInfo<T> fields) where T : ModelManifest
    {
        if (json.StartsWith("\uFEFF"u8))
            json = json["\uFEFF"u8.Length..];
        try
        {
            // Kind and format are read first, because other kinds and newer formats may have fields that this engine does not know.
            JsonTypeInfo<T> known = IsNewer(json, kind) ? WithUnknown(fields) : fields;
            return JsonSerializer.Deserialize(json, known) ?? throw new JsonException("The file holds only null.");
        }
        catch (JsonException error)
        {
            throw new ModelException($"{FileName}{Place(error)} cannot be read: {Reason(error)} {ModelException.Remedy}", error);
        }
    }

    /// <summary>The same fields, with unknown ones ignored.</summary>
    private static JsonTypeInfo<T> WithUnknown<T>(JsonTypeInfo<T> fields)
    {
        var options = new JsonSerializerOptions(fields.Options) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip };
        return (JsonTypeInfo<T>)options.GetTypeInfo(typeof(T));
    }

    /// <summary>Whether the minor version is newer than this engine's. Unknown fields are ignored then.</summary>
    /// <exception cref="ModelException">The model is of another kind, or its format cannot be read.</exception>
    private static bool IsNewer(ReadOnlySpan<byte> json, ModelKind? kind)
    {
        var reader = new Utf8JsonReader(json);
        using JsonDocument document = JsonDocument.ParseValue(ref reader);
        JsonElement root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("format", out JsonElement format))
        {
            throw new ModelException(
                $"{FileName} has no field \"format\", so it is not the description of a model. {ModelException.Remedy}");
        }

        kind?.Require(root.TryGetProperty("kind", out JsonElement name) ? name.ToString() : null);
        string reads = $"this engine reads {Major}.{Minor}";
        if (format.ValueKind == JsonValueKind.Number)
        {
            throw new ModelException(
                $"{FileName} has format {format.GetRawText()}, which is older than format {Major}.{Minor}. Run export/export.py of this " +
                "version on the model's checkpoint again.");
        }
        if (format.ValueKind != JsonValueKind.String || !Format().IsMatch(format.GetString()!))
        {
            throw new ModelException(
                $"{FileName} has the format {format.GetRawText()}; a format is a string of two numbers, such as \"{Major}.{Minor}\". " +
                ModelException.Remedy);
        }
        int[] parts = [.. format.GetString()!.Split('.').Select(part => int.Parse(part, CultureInfo.InvariantCulture))];
        return parts[0] switch
        {
            > Major => throw new ModelException(
                $"{FileName} has format {format.GetString()}; {reads}. A newer SjdOnnx is needed: install one that reads it."),
            < Major => throw new ModelException(
                $"{FileName} has format {format.GetString()}; {reads}. Run export/export.py of this version on the model's checkpoint " +
                "again."),
            _ => parts[1] > Minor,
        };
    }

    [GeneratedRegex(@"^(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})\z")]
    private static partial Regex Format();

    private static string Place(JsonException error) =>
        error.LineNumber is long line ? $", line {line + 1}," : "";

    /// <summary>
    /// The reader's message without type names, and without the coordinates that it appends, because <see cref="Place"/> has given them.
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
