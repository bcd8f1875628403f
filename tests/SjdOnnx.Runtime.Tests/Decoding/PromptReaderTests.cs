using SjdOnnx.Runtime.Decoding;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Native;
using SjdOnnx.Runtime.Tokenizers;

namespace SjdOnnx.Runtime.Tests.Decoding;

/// <summary>Prompts of other models, made with the built-in model's tokenizer.</summary>
public sealed class PromptReaderTests
{
    private readonly TextTokenizer _tokenizer;
    private readonly Manifest _manifest;

    public PromptReaderTests()
    {
        ModelFolder folder = ModelFolder.Open(TestModel.Folder!, "fp32");
        _manifest = folder.Manifest;
        _tokenizer = folder.OpenTokenizer()!;
    }

    [ModelFact]
    public void Text_parts_are_tokenised_one_by_one_and_placeholders_filled_once()
    {
        PromptPart[] conditional = [new PromptPart.Id(7), new PromptPart.Text("{width}x{height} {prompt}"), new PromptPart.Id(8), new PromptPart.Text("{rows}*{columns}")];
        Prompt prompt = Read(conditional, [new PromptPart.Id(9)], "a {height} fox\0");

        Assert.Equal([7, .. Encode("128x64 a {height} fox "), 8, .. Encode("8*16")], prompt.Conditional);
        Assert.Equal([9], prompt.Unconditional);
    }

    [ModelFact]
    public void A_side_of_the_grid_is_a_token() => Assert.Equal(
        [8804 + 4, 100 + 16, .. Encode("a fox")],
        Read([new PromptPart.Side(8804, "rows", 2), new PromptPart.Side(100, "columns", 1), new PromptPart.Text("{prompt}")], [new PromptPart.Id(0)], "a fox").Conditional);

    [ModelFact]
    public void A_fill_makes_the_lanes_equally_long()
    {
        Prompt prompt = Read([new PromptPart.Id(1), new PromptPart.Text("{prompt}"), new PromptPart.Id(2)], [new PromptPart.Id(1), new PromptPart.Fill(5), new PromptPart.Id(2)], "a fox above a rocket");

        Assert.Equal(prompt.Conditional.Length, prompt.Unconditional.Length);
        Assert.Equal([1, .. Enumerable.Repeat(5, prompt.Conditional.Length - 2), 2], prompt.Unconditional);
    }

    [ModelFact]
    public void A_negative_prompt_is_the_models_unless_told()
    {
        PromptPart[] conditional = [new PromptPart.Text("{prompt}")];
        PromptPart[] unconditional = [new PromptPart.Text("{negative}")];
        PromptSection section = _manifest.Prompt with { Conditional = conditional, Unconditional = unconditional, Negative = "blurred" };

        Assert.Equal(Encode("blurred"), Read(section, new() { Prompt = "a fox" }).Unconditional);
        Assert.Equal(Encode("a rocket"), Read(section, new() { Prompt = "a fox", Negative = "a rocket" }).Unconditional);
        Assert.Empty(Read(section, new() { Prompt = "a fox", Negative = "" }).Unconditional);
    }

    [ModelTheory]
    [InlineData("7", 107)]
    [InlineData(" 0 ", 100)]
    public void A_class_is_named_by_its_number(string words, int id) =>
        Assert.Equal([id], Read([new PromptPart.Class(100, 8)], [new PromptPart.Id(108)], words).Conditional);

    [ModelTheory]
    [InlineData("8")]
    [InlineData("-1")]
    [InlineData("a fox")]
    public void What_is_no_class_is_refused(string words)
    {
        var error = Assert.Throws<RequestException>(() => Read([new PromptPart.Class(100, 8)], [new PromptPart.Id(108)], words));
        Messages.AssertReadable(error);
        Assert.Contains($"The prompt is '{words}'", error.Message, StringComparison.Ordinal);
        Assert.Contains("0 to 7", error.Message, StringComparison.Ordinal);
    }

    [ModelFact]
    public void Cleaning_is_done_unless_told_otherwise()
    {
        PromptSection section = _manifest.Prompt with { Conditional = [new PromptPart.Text("{prompt}")], Cleaning = "t5-captions" };

        Assert.Equal(Encode("a fox"), Read(section, new() { Prompt = "A  FOX" }).Conditional);
        Assert.Equal(Encode("A  FOX"), Read(section, new() { Prompt = "A  FOX", Clean = false }).Conditional);
        Assert.Contains("Nothing of the prompt", Assert.Throws<RequestException>(() => Read(section, new() { Prompt = "日本" })).Message, StringComparison.Ordinal);
    }

    [ModelFact]
    public void Text_beyond_the_limit_is_refused_in_either_lane()
    {
        PromptSection section = _manifest.Prompt with { Unconditional = [new PromptPart.Text("{negative}")], Negative = "", MaxTokens = 5 };

        Read(section, new() { Prompt = "a fox" });
        Assert.Contains("reads at most 5", Assert.Throws<RequestException>(() => Read(section, new() { Prompt = "a fox above a rocket on blue" })).Message, StringComparison.Ordinal);
        Assert.Contains("reads at most 5", Assert.Throws<RequestException>(() => Read(section, new() { Prompt = "a fox", Negative = "a fox above a rocket on blue" })).Message, StringComparison.Ordinal);
        Assert.StartsWith("The negative prompt has 1,000 characters",
            Assert.Throws<RequestException>(() => Read(section, new() { Prompt = "a fox", Negative = new string('a', 1000) })).Message, StringComparison.Ordinal);
    }

    private Prompt Read(PromptPart[] conditional, PromptPart[] unconditional, string words) =>
        Read(_manifest.Prompt with { Conditional = conditional, Unconditional = unconditional }, new() { Prompt = words });

    private Prompt Read(PromptSection section, GenerationRequest request)
    {
        Manifest manifest = _manifest with { Prompt = section, Image = _manifest.Image with { Sizes = [[128, 64]] } };
        ResolvedRequest resolved = new RequestResolver(manifest, "fp32", Provider.Cpu, threads: 1).Resolve(request);
        return new PromptReader(manifest, _tokenizer, encoder: null).Read(resolved.Settings, resolved.Layout, default);
    }

    private int[] Encode(string text) => _tokenizer.Encode(text);
}
