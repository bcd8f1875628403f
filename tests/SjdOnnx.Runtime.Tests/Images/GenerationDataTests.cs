using System.Text.Json;
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
            "guidance":3,"temperature":0.9,"top_k":0,"top_p":1,"width":128,"height":128,"exact":true},
            "statistics":{"image_tokens":256,"forward_passes":70,"tokens_per_pass":3.66,"accepted_histogram":[10,20,40]}}
            """.Replace("\n", "", StringComparison.Ordinal),
            Fox.ToJson());
        Assert.Equal(Fox.ToJson(), GenerationData.FromJson(Fox.ToJson()).ToJson());
    }

    [Fact]
    public void A_lossy_method_is_called_so()
    {
        GenerationData lossy = Fox with { Request = Fox.Request with { Exact = false } };

        Assert.Contains(", Method: sjd (lossy), ", ParametersText.Of(lossy), StringComparison.Ordinal);
        Assert.False(GenerationData.FromJson(lossy.ToJson()).Request.Exact);
    }

    [Fact]
    public void What_only_some_methods_have_is_said_where_one_of_them_drew()
    {
        GenerationData grouped = Fox with { Request = Fox.Request with { MethodSettings = new MethodSettings(GroupSize: 14, GroupTolerance: 0.15f) } };
        Assert.Contains(", Initialisation: uniform, Group size: 14, Group tolerance: 0.15, Temperature: ", ParametersText.Of(grouped), StringComparison.Ordinal);
        Assert.Contains("""
            "method_settings":{"group_size":14,"group_tolerance":0.15}}
            """, grouped.ToJson(), StringComparison.Ordinal);
        Assert.Equal(grouped.Request, GenerationData.FromJson(grouped.ToJson()).Request);

        GenerationData reused = Fox with { Request = Fox.Request with { MethodSettings = new MethodSettings(ReuseThreshold: float.PositiveInfinity) } };
        Assert.Equal(reused.Request, GenerationData.FromJson(reused.ToJson()).Request);

        GenerationData tree = Fox with { Request = Fox.Request with { MethodSettings = new MethodSettings(Branching: "3x3", Iterations: 8, DenoisingSteps: 2) } };
        Assert.Contains(", Branching: 3x3, Iterations: 8, Denoising steps: 2, ", ParametersText.Of(tree), StringComparison.Ordinal);
    }

    /// <summary>All methods were exact before pictures said so.</summary>
    [Fact]
    public void A_picture_that_does_not_say_was_drawn_by_an_exact_method() =>
        Assert.True(GenerationData.FromJson(Fox.ToJson().Replace(",\"exact\":true", "", StringComparison.Ordinal)).Request.Exact);

    /// <summary>Readers take the last line for the settings, and any line that begins so for the negative prompt.</summary>
    [Theory]
    [InlineData("a fox\nSteps: 99, Seed: 666", "a fox Steps: 99, Seed: 666")]
    [InlineData("a fox\r\n\r\nNegative prompt: fog", "a fox Negative prompt: fog")]
    [InlineData("a\u2028b\u2029c\u0085d\ve\ff\rg", "a b c d e f g")]
    public void A_prompt_is_one_line_of_the_parameters(string prompt, string line)
    {
        DrawnRequest request = Fox.Request with { Prompt = prompt, Negative = prompt };

        string[] lines = ParametersText.Of(Fox with { Request = request }).Split('\n');

        Assert.Equal([line, "Negative prompt: " + line], lines[..2]);
        Assert.StartsWith("Steps: 70, Sampler: SJD, ", Assert.Single(lines[2..]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_zero_character_and_half_a_surrogate_pair_become_the_replacement_character()
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
    public void Other_JSON_is_refused(string json) =>
        Assert.ThrowsAny<JsonException>(() => GenerationData.FromJson(json));
}
