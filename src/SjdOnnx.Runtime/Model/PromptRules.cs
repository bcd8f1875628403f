using SjdOnnx.Runtime.Text;
using static SjdOnnx.Runtime.Model.Requirement;

namespace SjdOnnx.Runtime.Model;

/// <summary>The rules of model.json for prompts: text encoder and the parts of the lanes.</summary>
internal static class PromptRules
{
    /// <summary>The placeholders that text in a prompt may have.</summary>
    private static readonly string[] Placeholders = ["{prompt}", "{negative}", "{width}", "{height}", "{rows}", "{columns}"];

    public static void Check(Manifest manifest)
    {
        CheckTextEncoder(manifest);
        CheckPrompt(manifest);
    }

    private static void CheckTextEncoder(Manifest manifest)
    {
        if (manifest.TextEncoder is not { } encoder)
            return;
        RequireBetween("textEncoder.places", encoder.Places, 1, ManifestRules.MaxPositions);
        RequireAtLeast("textEncoder.firstId", encoder.FirstId, 0);
        Require(encoder.Ids.All(part => part is PromptPart.Id or PromptPart.Text) && Speaks(encoder.Ids),
            "textEncoder.ids must hold token ids and text, with {prompt} somewhere");
        CheckParts(manifest, "textEncoder.ids", encoder.Ids);
        Require(manifest.Transformer.Precisions.Values.All(precision => precision.Batches.Count == 0),
            "transformer.precisions has batches, which a model with a text encoder cannot have");
    }

    private static void CheckPrompt(Manifest manifest)
    {
        PromptSection prompt = manifest.Prompt;
        RequireBetween("prompt.maxTokens", prompt.MaxTokens, 1, ManifestRules.MaxPositions);
        Require(Speaks(prompt.Conditional),
            "prompt.conditional has no text with {prompt}, no class and no encoded prompt, so the user's words would not reach the model");
        Require(prompt.Unconditional.Length > 0 && !Speaks(prompt.Unconditional),
            "prompt.unconditional must hold one element or more and nothing of the prompt");
        Require(prompt.Conditional.All(part => part is not PromptPart.Fill),
            "prompt.conditional has a fill, which belongs in prompt.unconditional");
        Require(prompt.Unconditional.Count(part => part is PromptPart.Fill) <= 1, "prompt.unconditional has more than one fill");
        Require(prompt.Cleaning is null || PromptCleaning.Names.Contains(prompt.Cleaning),
            $"prompt.cleaning is '{prompt.Cleaning}'; it can be null or {Names(PromptCleaning.Names)}");
        CheckParts(manifest, "prompt", prompt.Conditional.Concat(prompt.Unconditional));
    }

    private static void CheckParts(Manifest manifest, string section, IEnumerable<PromptPart> parts)
    {
        foreach (PromptPart part in parts)
        {
            switch (part)
            {
                case PromptPart.Id id:
                    RequireAtLeast($"a token id in {section}", id.Value, 0);
                    break;
                case PromptPart.Fill fill:
                    RequireAtLeast($"fill in {section}", fill.Value, 0);
                    break;
                case PromptPart.Side side:
                    Require(side is { From: >= 0, Plus: "rows" or "columns", Per: >= 1 },
                        $"{section} has from {side.From}, plus {side.Plus}, per {side.Per}; from is an id, plus is rows or columns, " +
                        "per is 1 or more");
                    break;
                case PromptPart.Class one:
                    Require(one is { First: >= 0, Count: >= 1 },
                        $"{section} has class {one.First} of {one.Count}; both are whole numbers, of is 1 or more");
                    break;
                case PromptPart.Encoded:
                    Require(manifest.TextEncoder is not null, $"{section} has an encoded part, and there is no textEncoder");
                    break;
                case PromptPart.Text text:
                    CheckText(manifest, section, text.Template);
                    break;
            }
        }
    }

    private static void CheckText(Manifest manifest, string section, string template)
    {
        Require(manifest.Tokenizer is not null, $"{section} has text, and there is no tokenizer");
        Require(manifest.Prompt.Negative is not null || !template.Contains("{negative}", StringComparison.Ordinal),
            $"{section} has text with {{negative}}, and prompt.negative is null");
        string rest = Placeholders.Aggregate(template, static (text, name) => text.Replace(name, "", StringComparison.Ordinal));
        Require(!rest.AsSpan().ContainsAny('{', '}'),
            $"{section} has the text '{template}'; braces are for {string.Join(", ", Placeholders)} alone");
    }

    private static bool Speaks(IEnumerable<PromptPart> parts) => parts.Any(static part =>
        part is PromptPart.Class or PromptPart.Encoded(Words: true)
        || (part is PromptPart.Text text && text.Template.Contains("{prompt}", StringComparison.Ordinal)));
}
