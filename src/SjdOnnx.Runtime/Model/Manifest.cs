using System.Text.Json.Serialization;
using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Runtime.Model;

/// <summary>
/// model.json: everything the engine knows about a model. The exporter writes it; <see cref="ManifestReader"/> reads and checks it.
/// </summary>
internal sealed record Manifest : ModelManifest
{
    public required TransformerSection Transformer { get; init; }

    /// <summary>Null if prompts are not text.</summary>
    public TokenizerSection? Tokenizer { get; init; }

    /// <summary>Null if the transformer reads the tokens of text itself.</summary>
    public TextEncoderSection? TextEncoder { get; init; }

    public required PromptSection Prompt { get; init; }

    public required LayoutSection Layout { get; init; }

    public required ImageSection Image { get; init; }

    public required SamplingSection Sampling { get; init; }

    public required DecodingSection Decoding { get; init; }

    /// <summary>Null if the model was not fine-tuned to read noise.</summary>
    public DenoisingSection? Denoising { get; init; }

    /// <summary>The graphs other than the transformer's.</summary>
    [JsonIgnore]
    public IEnumerable<string> OtherGraphs =>
        ((string?[])[TextEncoder?.Graph, Image.Graph]).OfType<string>();
}

internal sealed record LicenseSection
{
    public required string Id { get; init; }

    /// <summary>The text that users of the model must be shown.</summary>
    public required string Notice { get; init; }

    /// <summary>Whether commercial use is allowed.</summary>
    public required bool Commercial { get; init; }
}

internal sealed record TransformerSection
{
    public required int Layers { get; init; }

    public required int KvHeads { get; init; }

    public required int HeadDim { get; init; }

    /// <summary>Sequences of one image: 2 with guidance (conditional, unconditional), 1 without.</summary>
    public required int Lanes { get; init; }

    /// <summary>The longest sequence in tokens, prompt and image together.</summary>
    public required int MaxPositions { get; init; }

    public required Dictionary<string, PrecisionSection> Precisions { get; init; }

    public required string DefaultPrecision { get; init; }
}

internal sealed record PrecisionSection
{
    public required string Graph { get; init; }

    /// <summary>
    /// Graphs for several images in one run, by the number of images. They share all weights and have that many times the lanes.
    /// </summary>
    public Dictionary<int, string> Batches { get => field ??= []; init; } // the reader sets null if the file has no such field

    /// <summary>The graph for one image whose new tokens may form a tree; null if there is none.</summary>
    public string? Tree { get; init; }

    /// <summary>The graph for one lane of an image; null if there is none.</summary>
    public string? Lane { get; init; }

    /// <summary>All graphs of this precision.</summary>
    [JsonIgnore]
    public IEnumerable<string> Graphs => ((string?[])[Graph, .. Batches.Values, Tree, Lane]).OfType<string>();

    /// <summary>The graphs for chains of tokens, by the lanes that they read.</summary>
    /// <param name="lanesOfImage">1 or 2.</param>
    public SortedDictionary<int, string> ByLanes(int lanesOfImage)
    {
        var graphs = new SortedDictionary<int, string> { [lanesOfImage] = Graph };
        foreach ((int images, string graph) in Batches)
            graphs.Add(images * lanesOfImage, graph);
        if (Lane is not null)
            graphs[1] = Lane;
        return graphs;
    }

    /// <summary>Element type of the key/value cache: float32, float16 or bfloat16.</summary>
    public required string Cache { get; init; }
}

/// <summary>A separate model that turns the prompt into vectors. The transformer reads these in place of tokens.</summary>
internal sealed record TextEncoderSection
{
    public required string Graph { get; init; }

    /// <summary>The most tokens it reads. The transformer keeps this many places for its vectors.</summary>
    public required int Places { get; init; }

    /// <summary>The id that stands for the first vector. The ids after it stand for the other vectors.</summary>
    public required int FirstId { get; init; }

    /// <summary>Its input: token ids and text.</summary>
    public required PromptPart[] Ids { get; init; }
}

internal sealed record PromptSection
{
    public required PromptPart[] Conditional { get; init; }

    public required PromptPart[] Unconditional { get; init; }

    /// <summary>The default value of {negative}; null if the model reads no negative prompt.</summary>
    public string? Negative { get; init; }

    /// <summary>
    /// How a prompt is rewritten before the model reads it, one of <see cref="PromptCleaning.Names"/>; null if it is not.
    /// </summary>
    public string? Cleaning { get; init; }

    /// <summary>The most tokens of text in a lane.</summary>
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

    /// <summary>The order in which these are applied: always <see cref="ManifestRules.SamplingOrder"/>.</summary>
    public required string[] Order { get; init; }
}

internal sealed record DecodingSection
{
    public required string Method { get; init; }

    public required WindowSize Window { get; init; }

    public required string Initialization { get; init; }

    /// <summary>Null if the whole image is drawn with drafts.</summary>
    public SequentialSection? Sequential { get; init; }
}

/// <summary>The parts of an image that are drawn without drafts, as the model's authors draw them.</summary>
internal sealed record SequentialSection
{
    /// <summary>Codes at the beginning, not counting the very first one, which the prefill draws.</summary>
    public required int First { get; init; }

    /// <summary>Codes at the end.</summary>
    public required int Last { get; init; }
}

/// <summary>
/// How the model reads noise. At each level a code's embedding ē becomes α ē + σ ε. The constants that normalize ē by channel are in the
/// graphs.
/// </summary>
internal sealed record DenoisingSection
{
    /// <summary>The default number of steps from noise to a code.</summary>
    public required int Steps { get; init; }

    /// <summary>Channels of an embedding.</summary>
    public required int Hidden { get; init; }

    /// <summary>How embeddings are normalized: "channel" is each channel by itself, over all codes, with constants of the graphs.</summary>
    public required string Normalization { get; init; }

    /// <summary>
    /// How the model learns the level: "added" if its graphs add a vector to the embedding, "token" if a timestep token beside the
    /// embedding tells it, "untold" if it does not know the level.
    /// </summary>
    public required string Levels { get; init; }

    /// <summary>Whether each noisy token has a timestep token beside it.</summary>
    [JsonIgnore]
    public bool HasTimesteps => Levels is "token";

    /// <summary>α at evenly spaced levels from 0 (a code) to 1 (noise).</summary>
    public required float[] Alpha { get; init; }

    /// <summary>σ at the same levels.</summary>
    public required float[] Sigma { get; init; }
}

internal sealed record FileSection
{
    public required string Sha256 { get; init; }

    public required long Bytes { get; init; }

    /// <summary>The files that hold a graph's weights. Empty for a graph without such files, and for files that are not graphs.</summary>
    public string[] Weights { get => field ??= []; init; } // the reader sets null if the file has no such field
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(Manifest))]
internal sealed partial class ManifestJson : JsonSerializerContext;
