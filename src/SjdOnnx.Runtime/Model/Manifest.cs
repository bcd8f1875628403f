using System.Text.Json;
using System.Text.Json.Serialization;

namespace SjdOnnx.Runtime.Model;

/// <summary>
/// model.json: everything the engine knows about a model. The exporter writes it; <see cref="ManifestReader"/> reads and checks it.
/// </summary>
internal sealed record Manifest
{
    /// <summary>Major and minor part, as in "3.0".</summary>
    public required string Format { get; init; }

    public required string Name { get; init; }

    public required string Family { get; init; }

    public required LicenseSection License { get; init; }

    public required TransformerSection Transformer { get; init; }

    /// <summary>Null where a prompt is no text.</summary>
    public TokenizerSection? Tokenizer { get; init; }

    /// <summary>Null where the transformer reads words as tokens of its own.</summary>
    public TextEncoderSection? TextEncoder { get; init; }

    public required PromptSection Prompt { get; init; }

    public required LayoutSection Layout { get; init; }

    public required ImageSection Image { get; init; }

    public required SamplingSection Sampling { get; init; }

    public required DecodingSection Decoding { get; init; }

    /// <summary>Null where the model was not fine-tuned to read noise.</summary>
    public DenoisingSection? Denoising { get; init; }

    /// <summary>The graphs beside the transformer's.</summary>
    [JsonIgnore]
    public IEnumerable<string> OtherGraphs =>
        ((string?[])[TextEncoder?.Graph, Image.Graph]).OfType<string>();

    /// <summary>Every file of the folder but model.json, by name.</summary>
    public required Dictionary<string, FileSection> Files { get; init; }
}

internal sealed record LicenseSection
{
    public required string Id { get; init; }

    /// <summary>What who uses the model must be told.</summary>
    public required string Notice { get; init; }

    /// <summary>Whether commercial use is allowed.</summary>
    public required bool Commercial { get; init; }
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

    /// <summary>Element type of the key/value cache: float32, float16 or bfloat16.</summary>
    public required string Cache { get; init; }
}

internal sealed record TokenizerSection
{
    /// <summary>bpe, tiktoken or unigram.</summary>
    public required string Kind { get; init; }

    /// <summary>The file of the vocabulary: JSON for bpe, tiktoken's ranks, or SentencePiece's model.</summary>
    public required string Vocabulary { get; init; }

    /// <summary>The file of bpe's merges; null where there are none.</summary>
    public string? Merges { get; init; }

    /// <summary>What is done to text first, in order: nfc, lowercase.</summary>
    public string[] Normalizers { get => field ??= []; init; }

    /// <summary>Regular expressions in .NET's syntax that cut text into pieces, in order.</summary>
    public string[] Splits { get => field ??= []; init; }

    /// <summary>First and last of characters past U+FFFF that a class in <see cref="Splits"/> names, and the one that stands for them there.</summary>
    public int[][] StandIns { get => field ??= []; init; }

    /// <summary>Whether a piece that is a token of bpe is that token, whatever its merges give.</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>What a byte without a token becomes; null leaves it out.</summary>
    public int? UnknownId { get; init; }

    /// <summary>Characters that are tokens wherever they stand.</summary>
    public Dictionary<string, int> Characters { get => field ??= []; init; }

    /// <summary>Characters that a unigram model's normalization deletes.</summary>
    public string Deleted { get => field ??= ""; init; }

    /// <summary>Names of its files.</summary>
    [JsonIgnore]
    public IEnumerable<string> Files => Merges is null ? [Vocabulary] : [Vocabulary, Merges];
}

/// <summary>A model of its own that turns the prompt into vectors, which take the places of tokens.</summary>
internal sealed record TextEncoderSection
{
    public required string Graph { get; init; }

    /// <summary>The most tokens it reads, which is also how many places the transformer keeps for them.</summary>
    public required int Places { get; init; }

    /// <summary>The id that stands for the first vector; the others follow.</summary>
    public required int FirstId { get; init; }

    /// <summary>What it reads: token ids and text.</summary>
    public required PromptPart[] Ids { get; init; }
}

internal sealed record PromptSection
{
    public required PromptPart[] Conditional { get; init; }

    public required PromptPart[] Unconditional { get; init; }

    /// <summary>What {negative} stands for unless told; null where the model reads no negative prompt.</summary>
    public string? Negative { get; init; }

    /// <summary>How the prompt is put into the words the model was trained on, one of <see cref="PromptCleaning.Names"/>; null for not at all.</summary>
    public string? Cleaning { get; init; }

    /// <summary>The most tokens that text may take in a lane.</summary>
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

    /// <summary>In which order these are applied: always <see cref="ManifestRules.SamplingOrder"/>.</summary>
    public required string[] Order { get; init; }
}

internal sealed record DecodingSection
{
    public required string Method { get; init; }

    public required WindowSize Window { get; init; }

    public required string Initialisation { get; init; }

    /// <summary>Null for drafts everywhere.</summary>
    public SequentialSection? Sequential { get; init; }
}

/// <summary>Parts of the picture that are drawn without drafts, as the model's authors do.</summary>
internal sealed record SequentialSection
{
    /// <summary>Codes at the beginning, the first of all not counted: no pass of its own draws that.</summary>
    public required int First { get; init; }

    /// <summary>Codes at the end.</summary>
    public required int Last { get; init; }
}

/// <summary>How the model reads noise: a code's embedding ē, normalised by channel as its graphs know, becomes α ē + σ ε at a level.</summary>
internal sealed record DenoisingSection
{
    /// <summary>From noise to a code, unless told otherwise.</summary>
    public required int Steps { get; init; }

    /// <summary>Channels of an embedding.</summary>
    public required int Hidden { get; init; }

    /// <summary>Over what embeddings are normalised: "channel", each by itself over all codes, with constants of the graphs.</summary>
    public required string Normalisation { get; init; }

    /// <summary>How the model is told a level: "added" to the embedding by its graphs, or "untold".</summary>
    public required string Levels { get; init; }

    /// <summary>α at evenly spaced levels from 0, a code, to 1, noise.</summary>
    public required float[] Alpha { get; init; }

    /// <summary>σ at the same.</summary>
    public required float[] Sigma { get; init; }
}

internal sealed record FileSection
{
    public required string Sha256 { get; init; }

    public required long Bytes { get; init; }

    /// <summary>The files that hold a graph's weights; empty for a graph without and for other files.</summary>
    public string[] Weights { get => field ??= []; init; } // where the file has none, the reader sets null
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(Manifest))]
internal sealed partial class ManifestJson : JsonSerializerContext
{
    /// <summary>For model.json of a newer minor format: fields that this engine does not know are ignored.</summary>
    public static ManifestJson Newer =>
        field ??= new(new JsonSerializerOptions(Default.Options) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip });
}
