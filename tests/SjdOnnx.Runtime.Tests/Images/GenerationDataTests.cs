using System.Text.Json;
using System.Text.Json.Nodes;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Runtime.Tests.Images;

public class GenerationDataTests
{
    private static readonly GenerationData Fox = new()
    {
        Engine = "SjdOnnx 0.1.0",
        Random = "philox4x32-10",
        Model = new DrawnModel("emoji", "0123456789abcdef", "int8"),
        Provider = "cpu",
        Request = new DrawnRequest("a fox", 42, "sjd", 16, "uniform", 3, 0.9f, 0, 1, 128, 128, Exact: true),
        Statistics = new DrawnStatistics(256, 70, 3.66, [10, 20, 40]),
    };

    [Fact]
    public void The_parameters_text_has_the_keys_of_the_web_UI_first_and_ours_last() =>
        Assert.Equal(
            "a fox\nSteps: 70, Sampler: SJD, CFG scale: 3, Seed: 42, Size: 128x128, Model hash: 0123456789, Model: emoji, Method: sjd, " +
            "Window: 16, Initialization: uniform, Temperature: 0.9, Top-k: 0, Top-p: 1, Precision: int8, Provider: cpu, " +
            "Engine version: SjdOnnx 0.1.0",
            ParametersText.Of(Fox));

    [Fact]
    public void A_value_with_a_comma_or_quotes_is_quoted() =>
        Assert.Contains(
            """, Model: "fox, \"red\"", """,
            ParametersText.Of(Fox with { Model = Fox.Model with { Name = "fox, \"red\"" } }),
            StringComparison.Ordinal);

    [Fact]
    public void The_JSON_does_not_change_and_is_read_again()
    {
        Assert.Equal(
            """
            {"format":1,"engine":"SjdOnnx 0.1.0","random":"philox4x32-10",
            "model":{"name":"emoji","sha256":"0123456789abcdef","precision":"int8"},"provider":"cpu",
            "request":{"prompt":"a fox","seed":42,"method":"sjd","window":16,"initialization":"uniform",
            "guidance":3,"temperature":0.9,"top_k":0,"top_p":1,"width":128,"height":128,"exact":true},
            "statistics":{"image_tokens":256,"forward_passes":70,"tokens_per_pass":3.66,"accepted_histogram":[10,20,40]}}
            """.Replace("\n", "", StringComparison.Ordinal),
            Fox.ToJson());
        Assert.Equal(Fox.ToJson(), GenerationData.FromJson(Fox.ToJson()).ToJson());
    }

    [Fact]
    public void Without_passes_the_steps_are_the_image_tokens()
    {
        GenerationData data = Fox with { Statistics = new DrawnStatistics(256) };

        Assert.StartsWith("a fox\nSteps: 256, Sampler: SJD,", ParametersText.Of(data), StringComparison.Ordinal);
        Assert.EndsWith(""","statistics":{"image_tokens":256}}""", data.ToJson(), StringComparison.Ordinal);
        Assert.Equal(data.ToJson(), GenerationData.FromJson(data.ToJson()).ToJson());
    }

    [Fact]
    public void A_lossy_method_is_called_lossy()
    {
        GenerationData lossy = Fox with { Request = Fox.Request with { Exact = false } };

        Assert.Contains(", Method: sjd (lossy), ", ParametersText.Of(lossy), StringComparison.Ordinal);
        Assert.False(GenerationData.FromJson(lossy.ToJson()).Request.Exact);
    }

    [Fact]
    public void Options_of_the_method_are_part_of_the_data()
    {
        GenerationData grouped = With(new JsonObject { ["group_size"] = 14, ["group_tolerance"] = 0.15f });
        Assert.Contains(
            ", Initialization: uniform, Group size: 14, Group tolerance: 0.15, Temperature: ", ParametersText.Of(grouped),
            StringComparison.Ordinal);
        Assert.Contains("""
            "method_options":{"group_size":14,"group_tolerance":0.15}
            """, grouped.ToJson(), StringComparison.Ordinal);
        Assert.Equal(grouped.ToJson(), GenerationData.FromJson(grouped.ToJson()).ToJson());

        GenerationData tree = With(new JsonObject { ["branching"] = "3x3" });
        Assert.Contains(", Branching: 3x3, ", ParametersText.Of(tree), StringComparison.Ordinal);
        Assert.DoesNotContain("method_options", Fox.ToJson(), StringComparison.Ordinal);

        static GenerationData With(JsonObject options) => Fox with { Request = Fox.Request with { MethodOptions = options } };
    }

    [Fact]
    public void Data_that_do_not_call_the_method_exact_are_taken_for_lossy() =>
        Assert.False(GenerationData.FromJson(Fox.ToJson().Replace(",\"exact\":true", "", StringComparison.Ordinal)).Request.Exact);

    /// <summary>Readers take the last line for the settings, and any line that begins with "Negative prompt:" for that.</summary>
    [Theory]
    [InlineData("a fox\nSteps: 99, Seed: 666", "a fox Steps: 99, Seed: 666")]
    [InlineData("a fox\r\n\r\nNegative prompt: fog", "a fox Negative prompt: fog")]
    [InlineData("a\u2028b\u2029c\u0085d\ve\ff\rg", "a b c d e f g")]
    public void Line_feeds_of_a_prompt_are_folded_in_the_parameters(string prompt, string line)
    {
        DrawnRequest request = Fox.Request with { Prompt = prompt, NegativePrompt = prompt };

        string[] lines = ParametersText.Of(Fox with { Request = request }).Split('\n');

        Assert.Equal([line, "Negative prompt: " + line], lines[..2]);
        Assert.StartsWith("Steps: 70, Sampler: SJD, ", Assert.Single(lines[2..]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_zero_character_and_a_lone_surrogate_become_the_replacement_character()
    {
        GenerationData data = Fox with { Request = Fox.Request with { Prompt = "a\0b\ud83e" } };

        Assert.StartsWith("a\uFFFDb\uFFFD\nSteps: ", ParametersText.Of(data), StringComparison.Ordinal);
        Assert.Equal("a\0b\uFFFD", GenerationData.FromJson(data.ToJson()).Request.Prompt);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("no JSON")]
    [InlineData("""{"engine":"\ud800"}""")]
    public void JSON_that_is_not_generation_data_is_refused(string json) =>
        Assert.ThrowsAny<JsonException>(() => GenerationData.FromJson(json));
}
