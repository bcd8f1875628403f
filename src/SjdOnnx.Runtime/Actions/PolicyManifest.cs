using System.Text.Json.Serialization;
using SjdOnnx.Actions;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Text;
using static SjdOnnx.Runtime.Model.Requirement;

namespace SjdOnnx.Runtime.Actions;

/// <summary>model.json of a policy.</summary>
internal sealed record PolicyManifest : ModelManifest
{
    public const string World = "reach";
    public const string ImagePlace = "{image}", InstructionPlace = "{instruction}";

    public required VisionSection Vision { get; init; }

    public required LanguageSection Transformer { get; init; }

    public required TokenizerSection Tokenizer { get; init; }

    public required PolicyPromptSection Prompt { get; init; }

    public required ActionsSection Actions { get; init; }

    /// <summary>Reads a model.json and checks everything that does not need the graphs.</summary>
    /// <exception cref="ModelException">It is not that of a policy, or a value is not legal.</exception>
    public static PolicyManifest Read(ReadOnlySpan<byte> json)
    {
        PolicyManifest manifest = ManifestReader.Read(json, ModelKind.Policy, PolicyManifestJson.Default.PolicyManifest);
        manifest.Check();
        return manifest;
    }

    /// <exception cref="ModelException">A dimension's range is empty, or the lists have different lengths.</exception>
    public ActionTokens Tokens()
    {
        try
        {
            return new ActionTokens(
                Actions.EndOfBins, Actions.Low, Actions.High, Actions.Mask,
                Actions.Gripper == "libero" ? GripperConvention.Libero : GripperConvention.None);
        }
        catch (ArgumentException error)
        {
            throw new ModelException($"model.json: actions: {Sentence.Of(error)} {ModelException.Remedy}", error);
        }
    }

    private void Check()
    {
        ManifestRules.CheckNames(this);
        RequireNoNull("transformer.precisions", Transformer.Precisions.Values);
        ManifestRules.CheckFiles(Files, [Vision.Graph, .. Transformer.Precisions.Values.Select(static precision => precision.Graph)]);
        TokenizerRules.Check(Tokenizer, Files, "bpe", "sentencepiece");
        RequireBetween("vision.side", Vision.Side, 1, 4096);
        RequireBetween("vision.patches", Vision.Patches, 1, 1 << 16);
        Require(Vision.KeptArea is > 0 and <= 1, $"vision.keptArea is {Number(Vision.KeptArea)}; it must be above 0 and at most 1");
        RequireBetween("transformer.layers", Transformer.Layers, 1, 1 << 10);
        RequireBetween("transformer.kvHeads", Transformer.KvHeads, 1, 1 << 10);
        RequireBetween("transformer.headDim", Transformer.HeadDim, 1, 1 << 12);
        RequireBetween("transformer.hidden", Transformer.Hidden, 1, 1 << 20);
        RequireBetween("transformer.vocabulary", Transformer.Vocabulary, ActionTokens.Bins, 1 << 24);
        RequireBetween("transformer.maxPositions", Transformer.MaxPositions, 1, ManifestRules.MaxPositions);
        Require(Transformer.Precisions.ContainsKey(Transformer.DefaultPrecision),
            $"transformer.defaultPrecision is '{Transformer.DefaultPrecision}'; transformer.precisions has " +
            $"{Names(Transformer.Precisions.Keys)}");
        foreach ((string name, LanguagePrecision precision) in Transformer.Precisions)
        {
            Require(precision.Cache is "float32" or "float16" or "bfloat16",
                $"transformer.precisions.{name}.cache is '{precision.Cache}'; it can be float32, float16 or bfloat16");
        }

        RequireBetween("prompt.begin", Prompt.Begin, 0, Transformer.Vocabulary - 1);
        RequireBetween("prompt.end", Prompt.End ?? 0, 0, Transformer.Vocabulary - 1);
        foreach (string place in (string[])[ImagePlace, InstructionPlace])
            Require(Prompt.Text.Split(place).Length == 2, $"prompt.text must have {place} once");
        RequireBetween("actions.chunk", Actions.Chunk, 1, 256);
        RequireBetween("actions.end", Actions.End, 0, Transformer.Vocabulary - 1);
        RequireBetween("actions.endOfBins", Actions.EndOfBins, ActionTokens.Bins, Transformer.Vocabulary);
        Require(Actions.Bins == ActionTokens.Bins, $"actions.bins is {Actions.Bins}; it must be {ActionTokens.Bins}");
        Require(Actions.Gripper is "none" or "libero", $"actions.gripper is '{Actions.Gripper}'; it can be none or libero");
        Require(Actions.World is null or World, $"actions.world is '{Actions.World}'; it can be {World}, or be left out");
        int dimensions = Tokens().Dimensions;
        Require(Actions.World is null || dimensions == 4, $"actions of the world {World} have 4 dimensions; these have {dimensions}");
        Require(Vision.Patches + (dimensions * Actions.Chunk) + 2 < Transformer.MaxPositions,
            $"transformer.maxPositions is {Transformer.MaxPositions}; {Vision.Patches} patches and {dimensions * Actions.Chunk} tokens " +
            "of actions leave no room for a prompt");
    }
}

/// <param name="Graph">From a picture to vectors for the language model.</param>
/// <param name="Side">Pixels of the square picture's side.</param>
/// <param name="Patches">Vectors of a picture.</param>
/// <param name="KeptArea">The part of a picture's area, around its middle, that is read.</param>
internal sealed record VisionSection(string Graph, int Side, int Patches, float KeptArea);

internal sealed record LanguageSection(
    int Layers, int KvHeads, int HeadDim, int Hidden, int Vocabulary, int MaxPositions, Dictionary<string, LanguagePrecision> Precisions,
    string DefaultPrecision);

/// <param name="Graph">The language model.</param>
/// <param name="Cache">The type of keys and values.</param>
internal sealed record LanguagePrecision(string Graph, string Cache);

/// <param name="Begin">The id before everything.</param>
/// <param name="Text">The text, with places for the picture and the instruction.</param>
/// <param name="Lowercase">Whether instructions are lowercased.</param>
/// <param name="End">The id at the end of the prompt, unless it is there already; null for none.</param>
internal sealed record PolicyPromptSection(int Begin, string Text, bool Lowercase, int? End);

/// <param name="Dataset">The data set whose ranges the actions have.</param>
/// <param name="Chunk">Actions that are predicted at once.</param>
/// <param name="End">The id after them.</param>
/// <param name="EndOfBins">The id after the last one of an action.</param>
/// <param name="Bins">Ids of actions.</param>
/// <param name="Low">The value at -1 in each dimension.</param>
/// <param name="High">The value at 1.</param>
/// <param name="Mask">Whether a dimension is scaled.</param>
/// <param name="Gripper">none or libero.</param>
/// <param name="World">The built-in task that the model was trained on; null for none.</param>
internal sealed record ActionsSection(
    string Dataset, int Chunk, int End, int EndOfBins, int Bins, double[] Low, double[] High, bool[] Mask, string Gripper,
    string? World = null);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(PolicyManifest))]
internal sealed partial class PolicyManifestJson : JsonSerializerContext;
