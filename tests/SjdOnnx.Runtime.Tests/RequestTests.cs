using SjdOnnx.Runtime.Decoding;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Native;

namespace SjdOnnx.Runtime.Tests;

[Collection(UsesLoadedModel.Name)]
public class RequestTests(LoadedTestModel loaded)
{
    private const string Fox = "a fox above a rocket on a blue background";

    [ModelTheory]
    [InlineData("")]
    [InlineData("   \t\n")]
    public Task An_empty_prompt_is_refused(string prompt) => Refused(new() { Prompt = prompt }, "prompt is empty");

    [ModelFact]
    public async Task A_prompt_that_is_too_long_is_refused_with_both_lengths()
    {
        await Refused(new() { Prompt = string.Join(' ', Enumerable.Repeat("fox", 200)) }, "202 tokens; this model reads at most 128");
        await Refused(new() { Prompt = new string('!', 100_000) }, "100,000 characters; this model reads at most 2,048");
    }

    [ModelFact]
    public Task An_unknown_method_is_refused_with_those_there_are() => Refused(new() { Prompt = Fox, Method = "psychic" }, "'psychic'", "ar, early-exit, exact");

    [ModelFact]
    public Task An_unknown_initialisation_is_refused_with_those_there_are() =>
        Refused(new() { Prompt = Fox, Initialisation = "zero" }, "'zero'", "uniform", "repeat-left", "sample-left", "repeat-above");

    [ModelTheory]
    [InlineData(float.NaN, "NaN")]
    [InlineData(float.PositiveInfinity, "Infinity")]
    [InlineData(-0.5f, "-0.5")]
    public async Task Guidance_and_temperature_out_of_range_are_refused(float value, string shown)
    {
        await Refused(new() { Prompt = Fox, Guidance = value }, "Guidance must be", $"It is {shown}.");
        await Refused(new() { Prompt = Fox, Temperature = value }, "Temperature must be", $"It is {shown}.");
    }

    [ModelTheory]
    [InlineData(float.NaN)]
    [InlineData(0f)]
    [InlineData(1.01f)]
    public Task A_top_p_out_of_range_is_refused(float value) => Refused(new() { Prompt = Fox, TopP = value }, "TopP must be");

    [ModelFact]
    public Task A_negative_top_k_is_refused() => Refused(new() { Prompt = Fox, TopK = -1 }, "TopK must be", "It is -1.");

    [ModelTheory]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    public Task A_window_out_of_range_is_refused(int window) => Refused(new() { Prompt = Fox, Window = window }, "window must be", $"It is {window}.");

    [ModelFact]
    public async Task Options_of_some_methods_are_checked_and_recorded_by_those()
    {
        await Refused(new() { Prompt = Fox, Branching = [0] }, "Branching");
        await Refused(new() { Prompt = Fox, ReuseThreshold = -1 }, "ReuseThreshold must be");
        await Refused(new() { Prompt = Fox, GroupSize = -1 }, "GroupSize must be");
        await Refused(new() { Prompt = Fox, GroupTolerance = 2 }, "GroupTolerance is");
        await Refused(new() { Prompt = Fox, Iterations = 0 }, "Iterations must be");

        var request = new GenerationRequest { Prompt = Fox, Iterations = 3, GroupSize = 2 };
        Assert.Equal(new MethodSettings(Iterations: 3), (await loaded.Model.GenerateAsync(request with { Method = "early-exit" })).Settings.MethodSettings);
        Assert.Null((await loaded.Model.GenerateAsync(request with { Method = "sjd" })).Settings.MethodSettings);
    }

    [ModelFact]
    public async Task A_model_that_reads_no_noise_has_none_of_sjd2()
    {
        Assert.DoesNotContain("sjd2", loaded.Model.Model.Methods);
        Assert.Null(loaded.Model.Model.DefaultDenoisingSteps);
        await Refused(new() { Prompt = Fox, Method = "sjd2" }, "which this model was not fine-tuned for", "Choose the method mc");
    }

    [ModelFact]
    public Task Negative_preview_rows_are_refused() => Refused(new() { Prompt = Fox, PreviewEveryRows = -1 }, "PreviewEveryRows is -1");

    [ModelFact]
    public Task A_size_it_cannot_draw_is_refused_with_the_nearest() =>
        Refused(new() { Prompt = Fox, Size = new ImageSize(130, -7) }, "cannot draw 130x-7", $"nearest size it draws is {loaded.Model.Model.Sizes[0]}");

    [ModelTheory]
    [InlineData(1, 1)]
    [InlineData(100, 101)]
    public async Task A_shape_near_that_of_a_size_is_drawn(int width, int height)
    {
        GeneratedImage image = await loaded.Model.GenerateAsync(new() { Prompt = Fox, AspectRatio = new AspectRatio(width, height) });
        Assert.Equal((128, 128), (image.Width, image.Height));
    }

    [ModelFact]
    public async Task A_shape_it_cannot_draw_is_refused_with_the_nearest()
    {
        await Refused(new() { Prompt = Fox, AspectRatio = new AspectRatio(16, 9) }, "shape 16:9", "nearest size is 128x128");
        await Refused(new() { Prompt = Fox, AspectRatio = new AspectRatio(0, 9) }, "0:9", "such as 16:9");
        await Refused(new() { Prompt = Fox, AspectRatio = new AspectRatio(1, 1), Size = new ImageSize(128, 128) }, "both a size and an aspect ratio");
    }

    [ModelFact]
    public Task A_negative_prompt_that_nobody_would_read_is_refused() => Refused(new() { Prompt = Fox, Negative = "blurred" }, "no negative prompt");

    /// <summary>Of the model's sizes the largest of the shape is taken, and long lists of sizes are cut short.</summary>
    [ModelFact]
    public void Among_many_sizes_the_shape_decides()
    {
        Manifest manifest = ModelFolder.Open(TestModel.Folder!, "fp32").Manifest;
        int[][] sizes = [[128, 128], [64, 64], [256, 128], .. Enumerable.Range(1, 12).Select(i => (int[])[8 * i, 264])];
        manifest = manifest with { Image = manifest.Image with { Sizes = sizes } };
        var resolver = new RequestResolver(manifest, "fp32", Provider.Cpu, threads: 1);

        Assert.Equal(new ImageSize(128, 128), resolver.Resolve(new() { Prompt = Fox, AspectRatio = new AspectRatio(1, 1) }).Settings.Size);
        Assert.Equal(new ImageSize(256, 128), resolver.Resolve(new() { Prompt = Fox, AspectRatio = new AspectRatio(2, 1) }).Settings.Size);
        var error = Assert.Throws<RequestException>(() => resolver.Resolve(new() { Prompt = Fox, Size = new ImageSize(200, 128) }));
        Messages.AssertReadable(error);
        Assert.Contains("nearest size it draws is 256x128 (it draws 15 sizes", error.Message, StringComparison.Ordinal);
    }

    [ModelFact]
    public async Task A_method_with_a_tree_draws()
    {
        GeneratedImage image = await loaded.Model.GenerateAsync(new() { Prompt = Fox, Method = "pac", Window = 16 });
        Assert.Equal(256, image.ImageTokens);
        Assert.InRange(image.ForwardPasses, 10, 128);
    }

    [ModelFact]
    public async Task A_method_with_a_tree_needs_a_graph_for_it()
    {
        using var copy = new ModelCopy();
        copy.Edit(manifest => manifest["transformer"]!["precisions"]!["fp32"]!.AsObject().Remove("tree"));
        using TextToImage model = TextToImage.Load(copy.Folder, new TextToImageOptions { Precision = "fp32", Threads = 1 });
        var error = await Assert.ThrowsAsync<RequestException>(() => model.GenerateAsync(new() { Prompt = Fox, Method = "pac" }));
        Messages.AssertReadable(error);
        Assert.Contains("no graph at fp32", error.Message, StringComparison.Ordinal);
        Assert.Contains("Choose the method mc", error.Message, StringComparison.Ordinal);
    }

    /// <summary>No GPU is needed to hear it: the resolver says it before anything runs.</summary>
    [ModelTheory]
    [InlineData("cuda")]
    [InlineData("tensorrt")]
    [InlineData("dml")]
    public void A_method_with_a_tree_needs_a_provider_whose_attention_takes_one(string provider)
    {
        ModelFolder folder = ModelFolder.Open(TestModel.Folder!, "fp32");
        var resolver = new RequestResolver(folder.Manifest, "fp32", Provider.Find(provider), threads: 1);
        var error = Assert.Throws<RequestException>(() => resolver.Resolve(new() { Prompt = Fox, Method = "pac" }));
        Messages.AssertReadable(error);
        Assert.Contains($"on the provider {provider}", error.Message, StringComparison.Ordinal);
        Assert.Equal("mc", resolver.Resolve(new() { Prompt = Fox, Method = "mc" }).Method.Name);
    }

    [ModelTheory]
    [InlineData("🦊🚀 \U0001F468\u200D\U0001F469\u200D\U0001F467")]
    [InlineData("ثعلب فوق صاروخ")]
    [InlineData("fox\0rocket\a\u001b[31m\u007f")]
    [InlineData("Schadenfreude xyzzy 漢字 \ud800 lone surrogate")]
    [InlineData("</s> <s> <pad>")]
    public async Task Words_the_model_never_saw_are_no_error(string prompt)
    {
        // The first event comes after the prompt is read; nobody waits for the picture.
        await foreach (GenerationEvent happened in loaded.Model.StreamAsync(new() { Prompt = prompt }))
        {
            Assert.IsType<GenerationProgress>(happened);
            break;
        }
    }

    [ModelFact]
    public async Task A_null_character_does_not_cut_the_prompt()
    {
        GeneratedImage whole = await loaded.Model.GenerateAsync(new() { Prompt = Fox });
        GeneratedImage parted = await loaded.Model.GenerateAsync(new() { Prompt = Fox.Replace(' ', '\0') });
        Assert.Equal(whole.TokenIds, parted.TokenIds);
    }

    private async Task Refused(GenerationRequest request, params string[] parts)
    {
        var error = await Assert.ThrowsAsync<RequestException>(() => loaded.Model.GenerateAsync(request));
        Messages.AssertReadable(error);
        foreach (string part in parts)
            Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }
}
