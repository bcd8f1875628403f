using System.Globalization;
using System.Text.RegularExpressions;
using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Runtime.Prompts;

/// <summary>Turns a prompt into transformer input, as model.json specifies.</summary>
/// <param name="tokenizer">Null if model.json has none; then no part is text.</param>
/// <param name="encoder">Null if model.json has no text encoder.</param>
internal sealed partial class PromptReader(Manifest manifest, TextTokenizer? tokenizer, TextEncoder? encoder) : IDisposable
{
    // Words take 4 to 6 characters per token; runs of spaces and the like take more.
    private const int MaxCharactersPerToken = 16;

    private readonly PromptSection _section = manifest.Prompt;

    private (int[] Ids, float[] Vectors) _encoded = ([], []);

    /// <summary>A prompt that the model can read, for measurements.</summary>
    public string Sample { get; } = manifest.Prompt.Conditional.Any(part => part is PromptPart.Class) ? "0" : "an image";

    /// <summary>Turns the words of a request into token ids. Several threads may call it at once.</summary>
    /// <exception cref="RequestException">There are no words, or the model cannot read them.</exception>
    public Prompt Read(GenerationSettings settings, TokenLayout layout)
    {
        if (string.IsNullOrWhiteSpace(settings.Prompt))
            throw new RequestException("The prompt is empty. Say in words what the image shows.");

        RequireText("prompt", settings.Prompt);
        RequireText("negative prompt", settings.NegativePrompt ?? "");
        var words = new Words(settings, layout, Clean(settings));
        if (manifest.TextEncoder is not { } section)
            return Read(words, []);

        int[] ids = [.. section.Ids.SelectMany(part => Ids(part, words, 0))];
        RequireAtMost("prompt", ids.Length, "tokens", section.Places);
        return Read(words, ids);
    }

    /// <summary>Runs the text encoder over a prompt, if the model has one. One thread at a time may call it.</summary>
    /// <exception cref="InferenceException">The text encoder failed.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public Prompt Encode(Prompt prompt, CancellationToken cancellation)
    {
        if (encoder is null)
            return prompt;
        // The images of a series usually share the prompt, and the text encoder may be larger than the transformer.
        if (!prompt.EncoderIds.AsSpan().SequenceEqual(_encoded.Ids))
            _encoded = (prompt.EncoderIds, encoder.Encode(prompt.EncoderIds, cancellation));
        int unused = manifest.TextEncoder!.Places - prompt.EncoderIds.Length;
        return prompt with { Condition = new Condition(_encoded.Vectors, unused) };
    }

    public void Dispose() => encoder?.Dispose();

    private Prompt Read(Words words, int[] encoderIds)
    {
        int[] conditional = Lane("prompt", _section.Conditional, words, encoderIds.Length, length: 0);
        int[] unconditional = Lane("negative prompt", _section.Unconditional, words, encoderIds.Length, conditional.Length);
        return new Prompt(conditional, unconditional) { EncoderIds = encoderIds };
    }

    /// <param name="what">What users call the lane's text.</param>
    /// <param name="encoded">Vectors that the text encoder makes of the prompt.</param>
    /// <param name="length">The length to which <see cref="PromptPart.Fill"/> fills the lane.</param>
    private int[] Lane(string what, PromptPart[] parts, Words words, int encoded, int length)
    {
        int[][] ids = [.. parts.Select(part => Ids(part, words, encoded))];
        int tokens = ids.Where((_, i) => parts[i] is PromptPart.Text).Sum(static text => text.Length);
        RequireAtMost(what, tokens, "tokens", _section.MaxTokens);
        int missing = length - ids.Sum(static part => part.Length);
        return [.. ids.SelectMany((part, i) =>
            parts[i] is PromptPart.Fill fill ? Enumerable.Repeat(fill.Value, Math.Max(0, missing)) : part)];
    }

    private int[] Ids(PromptPart part, Words words, int encoded) => part switch
    {
        PromptPart.Id id => [id.Value],
        PromptPart.Text text => tokenizer!.Encode(words.Fill(text.Template)),
        PromptPart.Side side => [side.From + ((side.Plus == "rows" ? words.Layout.Rows : words.Layout.Columns) / side.Per)],
        PromptPart.Class one => [one.First + ClassNumber(words.Prompt, one.Count)],
        PromptPart.Encoded vectors => [.. Enumerable.Range(manifest.TextEncoder!.FirstId + (vectors.Words ? 0 : encoded), encoded)],
        _ => [], // the lengths of the other parts decide how long a fill is
    };

    private static string Clean(GenerationSettings settings)
    {
        if (settings.Cleaning is null)
            return settings.Prompt;
        string cleaned = PromptCleaning.Of(settings.Cleaning, settings.Prompt);
        return cleaned.Length > 0
            ? cleaned
            : throw new RequestException(
                $"Nothing of the prompt '{settings.Prompt}' is left after the cleaning that this model needs. Say it in other words.");
    }

    private static int ClassNumber(string prompt, int classes) =>
        int.TryParse(
            prompt, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out int number)
        && number < classes
            ? number
            : throw new RequestException(
                $"The prompt is '{prompt}'; this model draws classes: give the number of one, 0 to {classes - 1}.");

    /// <summary>
    /// Refuses text that is not Unicode, and long text before anything else is done with it: the time of a tokenizer for one long word
    /// grows with the square of its length.
    /// </summary>
    private void RequireText(string what, string text)
    {
        int maxTokens = Math.Max(_section.MaxTokens, manifest.TextEncoder?.Places ?? 0);
        if (tokenizer is not null)
            RequireAtMost(what, text.Length, "characters", MaxCharactersPerToken * maxTokens);
        for (int at = 0; at < text.Length; at++)
        {
            bool isPair = at + 1 < text.Length && char.IsSurrogatePair(text[at], text[at + 1]);
            if (text[at] == '\0' || (char.IsSurrogate(text[at]) && !isPair))
            {
                throw new RequestException(
                    $"The {what} has U+{(int)text[at]:X4} at index {at}, which is no character of a text. Leave it out.");
            }

            at += isPair ? 1 : 0;
        }
    }

    private static void RequireAtMost(string what, int count, string unit, int most)
    {
        if (count > most)
        {
            throw new RequestException(string.Create(CultureInfo.InvariantCulture,
                $"The {what} has {count:N0} {unit}; this model reads at most {most:N0}. Say it in fewer words."));
        }
    }

    /// <summary>The values of a template's placeholders.</summary>
    private sealed partial record Words(GenerationSettings Settings, TokenLayout Layout, string Prompt)
    {
        /// <summary>Fills all placeholders in one pass, so that placeholders in the user's words stay as they are.</summary>
        public string Fill(string template) => Placeholder().Replace(template, match => match.Value switch
        {
            "{prompt}" => Prompt,
            "{negative}" => Settings.NegativePrompt ?? "",
            "{width}" => Text(Settings.Size.Width),
            "{height}" => Text(Settings.Size.Height),
            "{rows}" => Text(Layout.Rows),
            _ => Text(Layout.Columns),
        });

        private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

        [GeneratedRegex(@"\{(prompt|negative|width|height|rows|columns)\}")]
        private static partial Regex Placeholder();
    }
}
