using System.Globalization;
using System.Text.RegularExpressions;
using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Tokenizers;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>Makes of a request's words, as model.json says, what the transformer's lanes read before the picture.</summary>
/// <param name="tokenizer">Null where model.json has none: then no part is text.</param>
/// <param name="encoder">Null where model.json has no text encoder.</param>
internal sealed partial class PromptReader(Manifest manifest, TextTokenizer? tokenizer, TextEncoder? encoder) : IDisposable
{
    // Words take 4 to 6 characters a token; runs of spaces and the like more.
    private const int MostCharactersPerToken = 16;

    private readonly PromptSection _section = manifest.Prompt;

    private (int[] Ids, Condition? Condition) _encoded = ([], null);

    /// <summary>Words that any model can read: what passes cost is measured with them.</summary>
    public string Sample { get; } = manifest.Prompt.Conditional.Any(part => part is PromptPart.Class) ? "0" : "a picture";

    /// <exception cref="RequestException">There are no words, or the model cannot read them.</exception>
    public Prompt Read(GenerationSettings settings, TokenLayout layout, CancellationToken cancellation)
    {
        if (string.IsNullOrWhiteSpace(settings.Prompt))
            throw new RequestException("The prompt is empty. Say in words what the picture shows.");

        RequireShort("prompt", settings.Prompt);
        RequireShort("negative prompt", settings.Negative ?? "");
        var words = new Words(settings, layout, Clean(settings));
        if (encoder is null)
            return Read(words, 0);

        TextEncoderSection section = manifest.TextEncoder!;
        int[] ids = [.. section.Ids.SelectMany(part => Ids(part, words, 0))];
        RequireAtMost("prompt", ids.Length, "tokens", section.Places);
        // A series has one prompt as a rule, and the encoder may be larger than the transformer.
        if (!ids.AsSpan().SequenceEqual(_encoded.Ids))
            _encoded = (ids, new Condition(encoder.Encode(ids, cancellation), section.Places - ids.Length));
        return Read(words, ids.Length) with { Condition = _encoded.Condition };
    }

    public void Dispose() => encoder?.Dispose();

    /// <param name="encoded">How many vectors the text encoder makes of the words.</param>
    private Prompt Read(Words words, int encoded)
    {
        int[] conditional = Lane("prompt", _section.Conditional, words, encoded, length: 0);
        return new Prompt(conditional, Lane("negative prompt", _section.Unconditional, words, encoded, conditional.Length));
    }

    /// <param name="what">What the user calls the lane's text.</param>
    /// <param name="length">What <see cref="PromptPart.Fill"/> fills the lane up to.</param>
    private int[] Lane(string what, PromptPart[] parts, Words words, int encoded, int length)
    {
        int[][] ids = [.. parts.Select(part => Ids(part, words, encoded))];
        RequireAtMost(what, ids.Where((_, i) => parts[i] is PromptPart.Text).Sum(static text => text.Length), "tokens", _section.MaxTokens);
        int missing = length - ids.Sum(static part => part.Length);
        return [.. ids.SelectMany((part, i) => parts[i] is PromptPart.Fill fill ? Enumerable.Repeat(fill.Value, Math.Max(0, missing)) : part)];
    }

    private int[] Ids(PromptPart part, Words words, int encoded) => part switch
    {
        PromptPart.Id id => [id.Value],
        PromptPart.Text text => tokenizer!.Encode(words.Fill(text.Template)),
        PromptPart.Side side => [side.From + ((side.Plus == "rows" ? words.Layout.Rows : words.Layout.Columns) / side.Per)],
        PromptPart.Class one => [one.First + ClassNumber(words.Prompt, one.Count)],
        PromptPart.Encoded vectors => [.. Enumerable.Range(manifest.TextEncoder!.FirstId + (vectors.Words ? 0 : encoded), encoded)],
        _ => [], // a fill: how many there are is known when the others are
    };

    private static string Clean(GenerationSettings settings)
    {
        if (settings.Cleaning is null)
            return settings.Prompt;
        string cleaned = PromptCleaning.Of(settings.Cleaning, settings.Prompt);
        return cleaned.Length > 0
            ? cleaned
            : throw new RequestException($"Nothing of the prompt '{settings.Prompt}' is left when it is put into the words this model reads. Say it in other words.");
    }

    private static int ClassNumber(string prompt, int classes) =>
        int.TryParse(prompt, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out int number) && number < classes
            ? number
            : throw new RequestException($"The prompt is '{prompt}'; this model draws classes: give the number of one, 0 to {classes - 1}.");

    /// <summary>Before anything is done with the text: what a tokenizer needs for one long word grows with the square of its length.</summary>
    private void RequireShort(string what, string text)
    {
        int most = MostCharactersPerToken * Math.Max(_section.MaxTokens, manifest.TextEncoder?.Places ?? 0);
        if (tokenizer is not null)
            RequireAtMost(what, text.Length, "characters", most);
    }

    private static void RequireAtMost(string what, int count, string unit, int most)
    {
        if (count > most)
        {
            throw new RequestException(string.Create(CultureInfo.InvariantCulture,
                $"The {what} has {count:N0} {unit}; this model reads at most {most:N0}. Say it in fewer words."));
        }
    }

    /// <summary>What a template's placeholders stand for.</summary>
    private sealed partial record Words(GenerationSettings Settings, TokenLayout Layout, string Prompt)
    {
        /// <summary>In one sweep: placeholders in the user's words stay as they are.</summary>
        public string Fill(string template) => Placeholder().Replace(template, match => match.Value switch
        {
            "{prompt}" => Prompt,
            "{negative}" => Settings.Negative ?? "",
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
