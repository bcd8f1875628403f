using System.Text.RegularExpressions;
using SjdOnnx.Runtime.Engine;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Runtime.Prompts;
using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Runtime.Tests.Prompts;

/// <summary>Prompts of other models, with the built-in model's tokenizer.</summary>
public sealed class PromptReaderTests
{
    private static readonly Lazy<(Manifest Manifest, TextTokenizer Tokenizer)> Opened = new(() =>
    {
        ModelFolder folder = ModelFolder.Open(TestModel.Folder!, "fp32");
        return (folder.Manifest, folder.OpenTokenizer()!);
    });

    private static Manifest Manifest => Opened.Value.Manifest;

    [ModelFact]
    public void Text_parts_are_tokenized_one_by_one_and_their_placeholders_are_filled_once()
    {
        PromptPart[] conditional =
        [
            new PromptPart.Id(7), new PromptPart.Text("{width}x{height} {prompt}"),
            new PromptPart.Id(8), new PromptPart.Text("{rows}*{columns}"),
        ];
        Prompt prompt = Read(conditional, [new PromptPart.Id(9)], "a {height} fox");

        Assert.Equal([7, .. Encode("128x64 a {height} fox"), 8, .. Encode("8*16")], prompt.Conditional);
        Assert.Equal([9], prompt.Unconditional);
    }

    [ModelFact]
    public void The_sides_of_the_image_become_tokens()
    {
        PromptPart[] conditional =
            [new PromptPart.Side(8804, "rows", 2), new PromptPart.Side(100, "columns", 1), new PromptPart.Text("{prompt}")];
        Assert.Equal([8804 + 4, 100 + 16, .. Encode("a fox")], Read(conditional, [new PromptPart.Id(0)], "a fox").Conditional);
    }

    [ModelFact]
    public void A_fill_makes_both_lanes_equally_long()
    {
        PromptPart[] conditional = [new PromptPart.Id(1), new PromptPart.Text("{prompt}"), new PromptPart.Id(2)];
        PromptPart[] unconditional = [new PromptPart.Id(1), new PromptPart.Fill(5), new PromptPart.Id(2)];
        Prompt prompt = Read(conditional, unconditional, "a fox above a rocket");

        Assert.Equal(prompt.Conditional.Length, prompt.Unconditional.Length);
        Assert.Equal([1, .. Enumerable.Repeat(5, prompt.Conditional.Length - 2), 2], prompt.Unconditional);
    }

    [ModelFact]
    public void The_negative_prompt_is_the_models_unless_the_request_has_one()
    {
        PromptSection section = Manifest.Prompt with
        {
            Conditional = [new PromptPart.Text("{prompt}")],
            Unconditional = [new PromptPart.Text("{negative}")],
            Negative = "blurred",
        };

        Assert.Equal(Encode("blurred"), Read(section, "a fox").Unconditional);
        Assert.Equal(Encode("a rocket"), Read(section, "a fox", negative: "a rocket").Unconditional);
        Assert.Empty(Read(section, "a fox", negative: "").Unconditional);
    }

    [ModelTheory]
    [InlineData("7", 107)]
    [InlineData(" 0 ", 100)]
    public void A_class_is_chosen_by_its_number(string words, int id) =>
        Assert.Equal([id], Read([new PromptPart.Class(100, 8)], [new PromptPart.Id(108)], words).Conditional);

    [ModelTheory]
    [InlineData("8")]
    [InlineData("-1")]
    [InlineData("a fox")]
    public void A_prompt_that_is_not_the_number_of_a_class_is_refused(string words)
    {
        var error = Assert.Throws<RequestException>(() => Read([new PromptPart.Class(100, 8)], [new PromptPart.Id(108)], words));
        Messages.AssertReadable(error);
        Assert.Contains($"The prompt is '{words}'", error.Message, StringComparison.Ordinal);
        Assert.Contains("0 to 7", error.Message, StringComparison.Ordinal);
    }

    [ModelFact]
    public void A_prompt_is_cleaned_unless_the_options_say_otherwise()
    {
        PromptSection section = Manifest.Prompt with { Conditional = [new PromptPart.Text("{prompt}")], Cleaning = "t5-captions" };

        Assert.Equal(Encode("a fox"), Read(section, "A  FOX").Conditional);
        Assert.Equal(Encode("A  FOX"), Read(section, "A  FOX", options: new GenerationOptions { CleanPrompt = false }).Conditional);
        AssertRefused(() => Read(section, "日本"), "Nothing of the prompt");
    }

    [ModelFact]
    public void Text_beyond_the_models_limit_is_refused_in_both_lanes()
    {
        PromptSection section = Manifest.Prompt with { Unconditional = [new PromptPart.Text("{negative}")], Negative = "", MaxTokens = 5 };

        Read(section, "a fox");
        AssertRefused(() => Read(section, "a fox above a rocket on blue"), "The prompt has 7 tokens; this model reads at most 5");
        AssertRefused(() => Read(section, "a fox", "a fox above a rocket on blue"), "The negative prompt has 7 tokens");
        AssertRefused(() => Read(section, "a fox", new string('a', 1000)), "The negative prompt has 1,000 characters");
    }

    [ModelTheory]
    [InlineData(@"a\0fox", "U+0000 at index 1")]
    [InlineData(@"a fox \ud83e", "U+D83E at index 6")]
    [InlineData(@"\udd8a fox", "U+DD8A at index 0")]
    [InlineData(@"🦊\udd8a", "U+DD8A at index 2")]
    public void Text_that_is_not_Unicode_is_refused_in_both_lanes(string escaped, string place)
    {
        string text = Regex.Unescape(escaped); // the data of a test is UTF-8, which has no lone surrogates
        PromptSection section = Manifest.Prompt with { Unconditional = [new PromptPart.Text("{negative}")], Negative = "" };
        AssertRefused(() => Read(section, text), $"The prompt has {place}");
        AssertRefused(() => Read(section, "a fox", text), $"The negative prompt has {place}");
    }

    [ModelFact]
    public void Several_threads_may_read_prompts_at_once()
    {
        int[] expected = Read(Manifest.Prompt, "a fox above a rocket").Conditional;
        PromptReader reader = Reader(Manifest.Prompt);
        ResolvedRequest resolved = Resolve(Manifest.Prompt, "a fox above a rocket", null, null);
        Parallel.For(0, 200, _ => Assert.Equal(expected, reader.Read(resolved.Settings, resolved.Layout).Conditional));
    }

    private static void AssertRefused(Action read, string sentence)
    {
        var error = Assert.Throws<RequestException>(read);
        Messages.AssertReadable(error);
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }

    private static Prompt Read(PromptPart[] conditional, PromptPart[] unconditional, string words) =>
        Read(Manifest.Prompt with { Conditional = conditional, Unconditional = unconditional }, words);

    private static Prompt Read(PromptSection section, string words, string? negative = null, GenerationOptions? options = null)
    {
        ResolvedRequest resolved = Resolve(section, words, negative, options);
        return Reader(section).Read(resolved.Settings, resolved.Layout);
    }

    private static PromptReader Reader(PromptSection section) => new(With(section), Opened.Value.Tokenizer, encoder: null);

    private static ResolvedRequest Resolve(PromptSection section, string words, string? negative, GenerationOptions? options)
    {
        var resolver = new RequestResolver(With(section), Precision.Fp32, Provider.Of(ExecutionProvider.Cpu), threads: 1);
        return resolver.Resolve(new GenerationRequest { Prompt = words, NegativePrompt = negative }, options ?? new GenerationOptions());
    }

    private static Manifest With(PromptSection section) =>
        Manifest with { Prompt = section, Image = Manifest.Image with { Sizes = [[128, 64]] } };

    private static int[] Encode(string text) => Opened.Value.Tokenizer.Encode(text);
}
