using SjdOnnx.Methods;
using SjdOnnx.Runtime.Engine;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Tests.Engine;

[Collection(UsesLoadedModel.Name)]
public class RequestResolverTests(LoadedTestModel loaded)
{
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox above a rocket on a blue background" };

    [ModelTheory]
    [InlineData("")]
    [InlineData("   \t\n")]
    public Task An_empty_prompt_is_refused(string prompt) => Refused(new() { Prompt = prompt }, new(), "prompt is empty");

    [ModelFact]
    public async Task A_prompt_that_is_too_long_is_refused_with_both_lengths()
    {
        string words = string.Join(' ', Enumerable.Repeat("fox", 200));
        await Refused(new() { Prompt = words }, new(), "202 tokens; this model reads at most 128");
        await Refused(new() { Prompt = new string('!', 100_000) }, new(), "100,000 characters; this model reads at most 2,048");
    }

    [ModelTheory]
    [InlineData(float.NaN, "NaN")]
    [InlineData(float.PositiveInfinity, "Infinity")]
    [InlineData(-0.5f, "-0.5")]
    public async Task Guidance_and_temperature_out_of_range_are_refused(float value, string shown)
    {
        await Refused(Fox, new() { Guidance = value }, "Guidance must be", $"It is {shown}.");
        await Refused(Fox, new() { Temperature = value }, "Temperature must be", $"It is {shown}.");
    }

    [ModelTheory]
    [InlineData(float.NaN)]
    [InlineData(0f)]
    [InlineData(1.01f)]
    public Task A_top_p_out_of_range_is_refused(float value) => Refused(Fox, new() { TopP = value }, "TopP must be");

    [ModelFact]
    public Task A_negative_top_k_is_refused() => Refused(Fox, new() { TopK = -1 }, "TopK must be", "It is -1.");

    [ModelTheory]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    public Task A_window_out_of_range_is_refused(int window) =>
        Refused(Fox, new() { Window = window }, "window must be", $"It is {window}.");

    [ModelFact]
    public async Task Options_of_the_method_are_recorded_with_the_image()
    {
        var method = new EarlyExit { Iterations = 3 };
        GenerationSettings settings = (await loaded.Model.GenerateAsync(Fox, new() { Method = method })).Settings;
        Assert.Equal(method, settings.Method);
    }

    [ModelFact]
    public async Task A_model_that_reads_no_noise_refuses_sjd2()
    {
        Assert.False(loaded.Model.Model.Supports(SpeculativeDenoising.Descriptor));
        Assert.Null(loaded.Model.Model.DefaultDenoisingSteps);
        await Refused(
            Fox, new() { Method = new SpeculativeDenoising() }, "The method sjd2 needs a model that was fine-tuned to read noise",
            "Choose the method mc");
    }

    [Fact]
    public void Negative_preview_rows_are_refused()
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new GenerationOptions { PreviewEveryRows = -1 });
        Assert.Contains("PreviewEveryRows must be 0", error.Message, StringComparison.Ordinal);
    }

    [ModelFact]
    public Task A_size_that_the_model_cannot_draw_is_refused_with_the_nearest_one() => Refused(
        Fox, new() { Size = new ImageSize(130, -7) }, "cannot draw 130x-7", $"nearest size it draws is {loaded.Model.Model.Sizes[0]}");

    [ModelTheory]
    [InlineData(1, 1)]
    [InlineData(100, 101)]
    public async Task An_aspect_ratio_close_to_that_of_a_size_is_drawn(int width, int height)
    {
        GeneratedImage image = await loaded.Model.GenerateAsync(Fox, new() { AspectRatio = new AspectRatio(width, height) });
        Assert.Equal((128, 128), (image.Width, image.Height));
    }

    [ModelFact]
    public async Task An_aspect_ratio_that_the_model_cannot_draw_is_refused_with_the_nearest_size()
    {
        await Refused(Fox, new() { AspectRatio = new AspectRatio(16, 9) }, "shape 16:9", "nearest size is 128x128");
        await Refused(Fox, new() { AspectRatio = new AspectRatio(0, 9) }, "0:9", "such as 16:9");
        await Refused(
            Fox, new() { AspectRatio = new AspectRatio(1, 1), Size = new ImageSize(128, 128) }, "both a size and an aspect ratio");
    }

    [ModelFact]
    public Task A_negative_prompt_is_refused_if_the_model_reads_none() =>
        Refused(Fox with { NegativePrompt = "blurred" }, new(), "no negative prompt");

    [ModelFact]
    public void The_largest_size_of_an_aspect_ratio_is_chosen_and_long_lists_of_sizes_are_shortened()
    {
        Manifest manifest = ModelFolder.Open(TestModel.Folder!, "fp32").Manifest;
        int[][] sizes = [[128, 128], [64, 64], [256, 128], .. Enumerable.Range(1, 12).Select(i => (int[])[8 * i, 264])];
        RequestResolver resolver = Resolver(manifest with { Image = manifest.Image with { Sizes = sizes } }, ExecutionProvider.Cpu);

        Assert.Equal(new ImageSize(128, 128), SizeOf(new() { AspectRatio = new AspectRatio(1, 1) }));
        Assert.Equal(new ImageSize(256, 128), SizeOf(new() { AspectRatio = new AspectRatio(2, 1) }));
        var error = Assert.Throws<RequestException>(() => SizeOf(new() { Size = new ImageSize(200, 128) }));
        Messages.AssertReadable(error);
        Assert.Contains("nearest size it draws is 256x128 (it draws 15 sizes", error.Message, StringComparison.Ordinal);

        ImageSize SizeOf(GenerationOptions options) => resolver.Resolve(Fox, options).Settings.Size;
    }

    [ModelFact]
    public async Task A_method_with_a_tree_draws_in_fewer_passes_than_ar()
    {
        GeneratedImage image = await loaded.Model.GenerateAsync(Fox, new() { Method = new ProactiveDrafting(), Window = 16 });
        Assert.Equal(256, image.ImageTokens);
        Assert.InRange(image.ForwardPasses, 10, 128);
    }

    [ModelFact]
    public async Task A_method_with_a_tree_is_refused_if_the_model_has_no_graph_for_trees()
    {
        using var copy = new ModelCopy();
        copy.Edit(manifest => manifest["transformer"]!["precisions"]!["fp32"]!.AsObject().Remove("tree"));
        using TextToImage model = TextToImage.Load(copy.Folder, new TextToImageOptions { Precision = Precision.Fp32, Threads = 1 });
        Assert.False(model.Model.Supports(ProactiveDrafting.Descriptor));
        Assert.True(model.Model.Supports(MaximalCoupling.Descriptor));
        var error = await Assert.ThrowsAsync<RequestException>(() => model.GenerateAsync(Fox, new() { Method = new ProactiveDrafting() }));
        Messages.AssertReadable(error);
        Assert.Contains("no graph at fp32", error.Message, StringComparison.Ordinal);
        Assert.Contains("Choose the method mc", error.Message, StringComparison.Ordinal);
    }

    /// <summary>The resolver refuses it before anything runs, so the test needs no GPU.</summary>
    [ModelTheory]
    [InlineData(ExecutionProvider.Cuda)]
    [InlineData(ExecutionProvider.TensorRt)]
    [InlineData(ExecutionProvider.DirectMl)]
    public void A_method_with_a_tree_is_refused_on_a_provider_whose_attention_accepts_no_trees(ExecutionProvider provider)
    {
        RequestResolver resolver = Resolver(ModelFolder.Open(TestModel.Folder!, "fp32").Manifest, provider);
        var error = Assert.Throws<RequestException>(() => resolver.Resolve(Fox, new() { Method = new ProactiveDrafting() }));
        Messages.AssertReadable(error);
        Assert.Contains($"on the provider {provider.Name()}", error.Message, StringComparison.Ordinal);

        var coupling = new MaximalCoupling();
        Assert.Same(coupling, resolver.Resolve(Fox, new() { Method = coupling }).Method);
        ResolvedRequest noTree = resolver.Resolve(Fox, new() { Method = new ProactiveDrafting { Branching = new Branching(1) } });
        Assert.False(noTree.NeedsTree);
    }

    [ModelTheory]
    [InlineData("🦊🚀 \U0001F468\u200D\U0001F469\u200D\U0001F467")]
    [InlineData("ثعلب فوق صاروخ")]
    [InlineData("fox rocket\a\u001b[31m\u007f")]
    [InlineData("Schadenfreude xyzzy 漢字 \ufffd")]
    [InlineData("</s> <s> <pad>")]
    public async Task Words_that_the_model_never_saw_are_drawn(string prompt)
    {
        // The first event comes after the prompt is read.
        await foreach (GenerationEvent happened in loaded.Model.StreamAsync(new() { Prompt = prompt }))
        {
            Assert.IsType<GenerationProgress>(happened);
            break;
        }
    }

    private static RequestResolver Resolver(Manifest manifest, ExecutionProvider provider) =>
        new(manifest, Precision.Fp32, Provider.Of(provider), threads: 1);

    private async Task Refused(GenerationRequest request, GenerationOptions options, params string[] parts)
    {
        var error = await Assert.ThrowsAsync<RequestException>(() => loaded.Model.GenerateAsync(request, options));
        Messages.AssertReadable(error);
        foreach (string part in parts)
            Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }
}
