using System.Text.Json.Serialization;
using SjdOnnx.Runtime.Model;
using static SjdOnnx.Runtime.Model.Requirement;

namespace SjdOnnx.Runtime.Flows;

/// <summary>model.json of a flow.</summary>
internal sealed record FlowManifest : ModelManifest
{
    public required FlowSection Flow { get; init; }

    /// <exception cref="ModelException">The text is no model.json of a flow, or one of its values is not legal.</exception>
    public static FlowManifest Read(ReadOnlySpan<byte> json)
    {
        FlowManifest manifest = ManifestReader.Read(json, ModelKind.Flow, FlowManifestJson.Default.FlowManifest);
        ManifestRules.CheckNames(manifest);
        manifest.Flow.Check();
        ManifestRules.CheckFiles(manifest.Files, manifest.Flow.Graphs);
        return manifest;
    }
}

/// <summary>The sizes of a flow, and its blocks.</summary>
internal sealed record FlowSection
{
    private const int MaxSide = 4096; // pixels; a sequence then has 2^24 tokens at most
    private const int Colors = 3;

    /// <summary>Side of the square picture in pixels.</summary>
    public required int Side { get; init; }

    /// <summary>Side of a token's patch in pixels.</summary>
    public required int Patch { get; init; }

    /// <summary>Transformer layers of a block.</summary>
    public required int Layers { get; init; }

    public required int Heads { get; init; }

    public required int HeadDim { get; init; }

    /// <summary>Standard deviation of the noise in the training pictures, whose pixels are from −1 to 1; null if it is not known.</summary>
    public required float? Noise { get; init; }

    /// <summary>Names of the classes; empty for a model without classes.</summary>
    public required string[] Classes { get; init; }

    /// <summary>The blocks from pictures to noise.</summary>
    public required FlowBlockSection[] Blocks { get; init; }

    [JsonIgnore]
    public int Tokens => Side / Patch * (Side / Patch);

    [JsonIgnore]
    public int Channels => Colors * Patch * Patch;

    [JsonIgnore]
    public IEnumerable<string> Graphs => Blocks.SelectMany(static block => (string[])[block.Graph, block.Gradient]);

    public void Check()
    {
        RequireNoNull("flow.classes", Classes);
        RequireNoNull("flow.blocks", Blocks);
        RequireBetween("flow.side", Side, 2, MaxSide);
        RequireBetween("flow.patch", Patch, 1, Side / 2);
        Require(Side % Patch == 0, $"flow.side is {Side}; it must be a multiple of flow.patch, {Patch}");
        RequireAtLeast("flow.layers", Layers, 1);
        RequireAtLeast("flow.heads", Heads, 1);
        RequireAtLeast("flow.headDim", HeadDim, 1);
        RequireAtLeast("flow.blocks' length", Blocks.Length, 1);
        RequireBetween("flow.noise", Noise ?? 0, 1);
        foreach (string name in Classes)
            RequireText("flow.classes has a name that", name);
        Require(Classes.Distinct(StringComparer.Ordinal).Count() == Classes.Length, "flow.classes has a name twice");
        foreach (FlowBlockSection block in Blocks)
        {
            Require(float.IsFinite(block.ScaleNorm) && block.ScaleNorm >= 0 && float.IsFinite(block.ShiftNorm) && block.ShiftNorm >= 0,
                $"{block.Graph} has the norms {Number(block.ScaleNorm)} and {Number(block.ShiftNorm)}; both must be 0 or more");
        }
    }
}

/// <summary>A block of a flow.</summary>
internal sealed record FlowBlockSection
{
    public required string Graph { get; init; }

    /// <summary>The graph of the gradient, which denoising needs.</summary>
    public required string Gradient { get; init; }

    /// <summary>Whether it reads its tokens backwards.</summary>
    public required bool Reverses { get; init; }

    /// <summary>Spectral norm of the weights that compute s.</summary>
    public required float ScaleNorm { get; init; }

    /// <summary>Spectral norm of the weights that compute u.</summary>
    public required float ShiftNorm { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(FlowManifest))]
internal sealed partial class FlowManifestJson : JsonSerializerContext;
