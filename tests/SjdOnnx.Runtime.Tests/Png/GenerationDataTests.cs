using System.Text.Json;
using SjdOnnx.Runtime.Png;

namespace SjdOnnx.Runtime.Tests.Png;

public class GenerationDataTests
{
    private static readonly GenerationData Fox = new()
    {
        Engine = "SjdOnnx 0.1.0",
        Random = "philox4x32-10",
        Model = new DrawnModel("emoji", "0123456789abcdef", "int8"),
        Provider = "cpu",
        Request = new DrawnRequest("a fox", 42, "sjd", 16, "uniform", 3, 0.9f, 0, 1, 128, 128),
        Statistics = new DrawnStatistics(256, 70, 3.66, [10, 20, 40]),
    };

    [Fact]
    public void The_parameters_text_has_the_web_UIs_keys_in_its_order_and_ours_last() =>
        Assert.Equal(
            "a fox\nSteps: 70, Sampler: SJD, CFG scale: 3, Seed: 42, Size: 128x128, Model hash: 0123456789, Model: emoji, Method: sjd, " +
            "Window: 16, Initialisation: uniform, Temperature: 0.9, Top-k: 0, Top-p: 1, Precision: int8, Provider: cpu, " +
            "Engine version: SjdOnnx 0.1.0",
            ParametersText.Of(Fox));

    [Fact]
    public void A_value_that_would_end_its_field_is_quoted() =>
        Assert.Contains(
            """, Model: "fox, \"red\"", """,
            ParametersText.Of(Fox with { Model = Fox.Model with { Name = "fox, \"red\"" } }),
            StringComparison.Ordinal);

    [Fact]
    public void The_JSON_is_stable_and_comes_back()
    {
        Assert.Equal(
            """
            {"format":1,"engine":"SjdOnnx 0.1.0","random":"philox4x32-10",
            "model":{"name":"emoji","sha256":"0123456789abcdef","precision":"int8"},"provider":"cpu",
            "request":{"prompt":"a fox","seed":42,"method":"sjd","window":16,"initialisation":"uniform",
            "guidance":3,"temperature":0.9,"top_k":0,"top_p":1,"width":128,"height":128},
            "statistics":{"image_tokens":256,"forward_passes":70,"tokens_per_pass":3.66,"accepted_histogram":[10,20,40]}}
            """.Replace("\n", "", StringComparison.Ordinal),
            Fox.ToJson());
        Assert.Equal(Fox.ToJson(), GenerationData.FromJson(Fox.ToJson()).ToJson());
    }

    [Theory]
    [InlineData("a 🦊 says \"hi\" & <leaves>")]
    [InlineData("ثعلب")]
    [InlineData("\u0000\u0001\u001b[31m\r\n\u007f")]
    public void Every_prompt_comes_back_exactly_from_the_picture(string prompt)
    {
        byte[] png = (Fox with { Request = Fox.Request with { Prompt = prompt } }).InsertInto(TestPng.OnePixel);

        IReadOnlyList<PngText> texts = PngText.ReadAll(png);
        Assert.Equal([ParametersText.Keyword, GenerationData.Keyword], texts.Select(text => text.Keyword));
        Assert.Equal(prompt, GenerationData.FromJson(texts[1].Text).Request.Prompt);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("no JSON")]
    public void Other_JSON_is_refused(string json) =>
        Assert.ThrowsAny<JsonException>(() => GenerationData.FromJson(json));
}
