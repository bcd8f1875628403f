using System.Text.Json;
using System.Text.Json.Serialization;

namespace SjdOnnx.Runtime.Model;

/// <summary>
/// model.json: everything the engine knows about a model. The exporter writes it; <see cref="ManifestReader"/> reads and checks it.
/// </summary>
internal sealed record Manifest
{
    public required int Format { get; init; }

    public required string Name { get; init; }

    public required string Family { get; init; }

    public required LicenseSection License { get; init; }

    public required TransformerSection Transformer { get; init; }

    public required TokenizerSection Tokenizer { get; init; }

    public required PromptSection Prompt { get; init; }

    public required LayoutSection Layout { get; init; }

    public required ImageSection Image { get; init; }

    public required SamplingSection Sampling { get; init; }

    public required DecodingSection Decoding { get; init; }

    /// <summary>Every file of the folder but model.json, by name.</summary>
    public required Dictionary<string, FileSection> Files { get; init; }
}

internal sealed record LicenseSection
{
    public required string Id { get; init; }

    public required string Notice { get; init; }
}

internal sealed record TransformerSection
{
    public required int Layers { get; init; }

    public required int KvHeads { get; init; }

    public required int HeadDim { get; init; }

    /// <summary>Sequences in one Run: 2 for guidance (conditional, unconditional), 1 for a model without guidance.</summary>
    public required int Lanes { get; init; }

    /// <summary>Prompt and picture together, in tokens.</summary>
    public required int MaxPositions { get; init; }

    public required Dictionary<string, PrecisionSection> Precisions { get; init; }

    public required string DefaultPrecision { get; init; }
}

internal sealed record PrecisionSection
{
    public required string Graph { get; init; }

    /// <summary>Graphs of several pictures in one Run, by how many: over the same weights, with that many times the lanes.</summary>
    public Dictionary<int, string> Batches { get => field ??= []; init; } // where the file has none, the reader sets null

    /// <summary>The graph of one picture whose new tokens may form a tree; null where there is none.</summary>
    public string? Tree { get; init; }

    /// <summary>All its graphs.</summary>
    [JsonIgnore]
    public IEnumerable<string> Graphs => [Graph, .. Batches.Values, .. Tree is null ? (string[])[] : [Tree]];

    /// <summary>Element type of the key/value cache: float32 or float16.</summary>
    public required string Cache { get; init; }
}

internal sealed record TokenizerSection
{
    public required string Graph { get; init; }
}

internal sealed record PromptSection
{
    /// <summary>Text with {prompt} where the user's words go.</summary>
    public required string Template { get; init; }

    public required PromptPart[] Conditional { get; init; }

    public required PromptPart[] Unconditional { get; init; }

    /// <summary>Longest filled template, in tokens.</summary>
    public required int MaxTokens { get; init; }
}

internal sealed record LayoutSection
{
    public required int FirstCode { get; init; }

    public required int Codes { get; init; }

    public required int[] RowSuffix { get; init; }

    public required int[] Suffix { get; init; }
}

internal sealed record ImageSection
{
    public required string Graph { get; init; }

    public required int PixelsPerCode { get; init; }

    /// <summary>[width, height] in pixels; the first is the default.</summary>
    public required int[][] Sizes { get; init; }
}

internal sealed record SamplingSection
{
    public required float Guidance { get; init; }

    public required float Temperature { get; init; }

    public required int TopK { get; init; }

    public required float TopP { get; init; }
}

internal sealed record DecodingSection
{
    public required string Method { get; init; }

    public required WindowSize Window { get; init; }

    public required string Initialisation { get; init; }
}

internal sealed record FileSection
{
    public required string Sha256 { get; init; }

    public required long Bytes { get; init; }
}

/// <summary>
/// One element of a prompt: a token id, or (null) the place of the tokenizer's ids. In JSON a number or the string "prompt".
/// </summary>
[JsonConverter(typeof(PromptPartConverter))]
internal readonly record struct PromptPart(int? Id);

internal sealed class PromptPartConverter : JsonConverter<PromptPart>
{
    public override PromptPart Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.Number when reader.TryGetInt32(out int id) => new PromptPart(id),
        JsonTokenType.String when reader.ValueTextEquals("prompt") => new PromptPart(null),
        _ => throw new JsonException("An element of a prompt is a token id or the string \"prompt\"."),
    };

    public override void Write(Utf8JsonWriter writer, PromptPart value, JsonSerializerOptions options)
    {
        if (value.Id is int id)
            writer.WriteNumberValue(id);
        else
            writer.WriteStringValue("prompt");
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(Manifest))]
internal sealed partial class ManifestJson : JsonSerializerContext;
