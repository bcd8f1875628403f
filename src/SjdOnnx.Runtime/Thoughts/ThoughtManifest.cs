using System.Text.Json.Serialization;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Text;
using static SjdOnnx.Runtime.Model.Requirement;

namespace SjdOnnx.Runtime.Thoughts;

/// <summary>model.json of a model that answers questions with latent thoughts.</summary>
internal sealed record ThoughtManifest : ModelManifest
{
    public required TokenizerSection Tokenizer { get; init; }

    public required ThoughtSection Thought { get; init; }

    /// <exception cref="ModelException">The text is no model.json of such a model, or one of its values is not legal.</exception>
    public static ThoughtManifest Read(ReadOnlySpan<byte> json)
    {
        ThoughtManifest manifest = ManifestReader.Read(json, ModelKind.Thought, ThoughtManifestJson.Default.ThoughtManifest);
        ManifestRules.CheckNames(manifest);
        manifest.Thought.Check();
        ManifestRules.CheckFiles(manifest.Files, [manifest.Thought.Graph]);
        TokenizerRules.Check(manifest.Tokenizer, manifest.Files, "bpe");
        return manifest;
    }
}

/// <summary>The sizes of the transformer, and the tokens around question, thoughts and answer.</summary>
internal sealed record ThoughtSection
{
    public required string Graph { get; init; }

    public required int Layers { get; init; }

    public required int KvHeads { get; init; }

    public required int HeadDim { get; init; }

    /// <summary>Numbers in a thought.</summary>
    public required int Hidden { get; init; }

    /// <summary>Rows of the embedding, and logits of a token.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>The longest sequence in tokens, from the question to the end of the answer.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Updates of the thoughts that the model was trained with.</summary>
    public required int Iterations { get; init; }

    /// <summary>The number of thoughts.</summary>
    public required int Latents { get; init; }

    /// <summary>The ids before a question.</summary>
    public required int[] Prefix { get; init; }

    /// <summary>The id after the question, where the first thought is computed.</summary>
    public required int Begin { get; init; }

    /// <summary>The id at the places of the thoughts, before the first update.</summary>
    public required int Latent { get; init; }

    /// <summary>The id after the thoughts.</summary>
    public required int End { get; init; }

    /// <summary>The text between thoughts and answer.</summary>
    public required string AnswerPrompt { get; init; }

    /// <summary>The ids that end an answer.</summary>
    public required int[] Stop { get; init; }

    /// <summary>The most tokens of an answer.</summary>
    public required int MaxAnswer { get; init; }

    public void Check()
    {
        RequireFileName("thought.graph", Graph);
        RequireAtLeast("thought.layers", Layers, 1);
        RequireAtLeast("thought.kvHeads", KvHeads, 1);
        RequireAtLeast("thought.headDim", HeadDim, 1);
        RequireAtLeast("thought.hidden", Hidden, 1);
        RequireAtLeast("thought.vocabulary", Vocabulary, 1);
        RequireBetween("thought.maxPositions", MaxPositions, 2, ManifestRules.MaxPositions);
        RequireBetween("thought.iterations", Iterations, 0, ThoughtOptions.MaxIterations);
        RequireBetween("thought.latents", Latents, 1, MaxPositions);
        RequireBetween("thought.maxAnswer", MaxAnswer, 1, MaxPositions);
        RequireText("thought.answerPrompt", AnswerPrompt);
        RequireAtLeast("thought.stop's length", Stop.Length, 1);
        foreach ((string field, int[] ids) in new[]
        {
            ("prefix", Prefix), ("begin", [Begin]), ("latent", [Latent]), ("end", [End]), ("stop", Stop),
        })
        {
            foreach (int id in ids)
                RequireBetween($"thought.{field}", id, 0, Vocabulary - 1);
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(ThoughtManifest))]
internal sealed partial class ThoughtManifestJson : JsonSerializerContext;
