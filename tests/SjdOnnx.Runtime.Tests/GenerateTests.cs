using SjdOnnx.Methods;

namespace SjdOnnx.Runtime.Tests;

[Collection(UsesLoadedModel.Name)]
public class GenerateTests(LoadedTestModel loaded)
{
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox above a rocket on a blue background", Seed = 7 };
    private static readonly TextToImageOptions OneThread = new() { Precision = Precision.Fp32, Threads = 1 };

    [ModelFact]
    public async Task An_image_has_the_size_tokens_and_counts_that_it_reports()
    {
        GeneratedImage image = await loaded.Model.GenerateAsync(Fox);

        Assert.Equal(loaded.Model.Model.Sizes[0], new ImageSize(image.Width, image.Height));
        Assert.Equal(image.Width * image.Height * 3, image.Pixels.Rgb.Length);
        Assert.True(image.TokenIds.Count >= image.ImageTokens);
        Assert.Equal(image.ForwardPasses, image.AcceptedHistogram.Sum());
        Assert.Equal((double)image.ImageTokens / image.ForwardPasses, image.TokensPerPass);
        Assert.Same(loaded.Model.Model, image.Model);
    }

    [ModelFact]
    public async Task The_timings_of_an_image_are_parts_of_the_elapsed_time()
    {
        GenerationTimings timings = (await loaded.Model.GenerateAsync(Fox)).Timings;

        Assert.All(
            [timings.Load, timings.Prefill, timings.Decode, timings.Image, timings.Run],
            time => Assert.InRange(time, TimeSpan.FromMicroseconds(1), TimeSpan.FromMinutes(10)));
        Assert.InRange(timings.Run, TimeSpan.Zero, timings.Decode);
        Assert.InRange(timings.Prefill + timings.Decode + timings.Image, TimeSpan.Zero, timings.Elapsed);
    }

    [ModelFact]
    public async Task The_settings_are_the_options_over_the_models_defaults()
    {
        GenerationSettings settings = (await loaded.Model.GenerateAsync(Fox, new GenerationOptions { Window = 5, TopK = 40 })).Settings;
        ModelDescription model = loaded.Model.Model;

        Assert.Equal((Fox.Prompt, 7ul, 5, 40), (settings.Prompt, settings.Seed, settings.Window, settings.TopK));
        Assert.Equal((model.DefaultMethod, model.DefaultInitialization), (settings.Method.Descriptor, settings.Initialization));
        Assert.Equal((model.DefaultGuidance, model.DefaultTopP), (settings.Guidance, settings.TopP));
        Assert.Equal((model.Precision, ExecutionProvider.Cpu, 1), (settings.Precision, settings.Provider, settings.Threads));
    }

    [ModelFact]
    public async Task A_prompt_alone_draws_the_image_of_a_request_with_it()
    {
        GeneratedImage ofText = await loaded.Model.GenerateAsync(Fox.Prompt);
        GeneratedImage ofRequest = await loaded.Model.GenerateAsync(new GenerationRequest { Prompt = Fox.Prompt });
        Assert.Equal(ofRequest.TokenIds, ofText.TokenIds);
    }

    [ModelFact]
    public async Task The_same_request_gives_the_same_bytes_after_other_requests()
    {
        GeneratedImage first = await loaded.Model.GenerateAsync(Fox);
        // Larger buffers, other bindings.
        GenerationRequest longer = Fox with { Prompt = string.Join(' ', Enumerable.Repeat("fox", 60)) };
        await loaded.Model.GenerateAsync(longer, new GenerationOptions { Window = 40 });
        GeneratedImage again = await loaded.Model.GenerateAsync(Fox);
        GeneratedImage other = await loaded.Model.GenerateAsync(Fox with { Seed = 8 });

        Assert.Equal(first.TokenIds, again.TokenIds);
        Assert.True(first.Pixels.Rgb.Span.SequenceEqual(again.Pixels.Rgb.Span));
        Assert.Equal(first.Encode(), again.Encode());
        Assert.NotEqual(first.TokenIds, other.TokenIds);
    }

    [ModelFact]
    public async Task The_number_of_threads_does_not_change_the_image()
    {
        using TextToImage single = TextToImage.Load(TestModel.Folder!, OneThread);
        using TextToImage two = TextToImage.Load(TestModel.Folder!, OneThread with { Threads = 2 });

        GeneratedImage one = await single.GenerateAsync(Fox);
        GeneratedImage both = await two.GenerateAsync(Fox);

        Assert.Equal(one.TokenIds, both.TokenIds);
        Assert.True(one.Pixels.Rgb.Span.SequenceEqual(both.Pixels.Rgb.Span));
    }

    /// <summary>
    /// At fp32: passes of different length round differently by 1e-7. At int8 that can move an activation to the next of its 255 steps,
    /// which decides between codes of nearly the same logit.
    /// </summary>
    [ModelFact]
    public async Task At_temperature_0_every_method_and_window_draws_the_greedy_image()
    {
        using TextToImage model = TextToImage.Load(TestModel.Folder!, OneThread);
        var ar = new GenerationOptions { Method = new Autoregressive(), Temperature = 0 };
        GeneratedImage greedy = await model.GenerateAsync(Fox, ar);
        GenerationOptions jacobi = ar with { Method = new Jacobi() }, sjd = ar with { Method = new SpeculativeJacobi() };
        foreach (GenerationOptions options in (GenerationOptions[])
            [jacobi with { Window = 0 }, jacobi with { Window = 16 }, sjd with { Window = 5 }, sjd with { Window = 64 }])
        {
            Assert.Equal(greedy.TokenIds, (await model.GenerateAsync(Fox, options)).TokenIds);
        }
    }

    /// <summary>
    /// At int8, where it is hardest: rounding by 1e-6 moves an activation to the next of its 255 steps. If a lone token were read by
    /// another path through attention than a window's, nearly every image would be another one.
    /// </summary>
    [ModelFact]
    public async Task Exact_draws_the_image_without_drafts_at_every_window_at_the_default_precision()
    {
        foreach (ulong seed in (ulong[])[1, 2])
        {
            GenerationRequest request = Fox with { Seed = seed };
            var exact = new GenerationOptions { Method = new GumbelExact(), Window = 0 };
            GeneratedImage sequential = await loaded.Model.GenerateAsync(request, exact);
            Assert.Equal(sequential.ImageTokens - 1, sequential.ForwardPasses);
            foreach (int window in (int[])[1, 3, 24])
                Assert.Equal(sequential.TokenIds, (await loaded.Model.GenerateAsync(request, exact with { Window = window })).TokenIds);
        }
    }

    [ModelFact]
    public async Task Exact_draws_the_image_of_ar_at_fp32()
    {
        using TextToImage model = TextToImage.Load(TestModel.Folder!, OneThread);
        foreach (ulong seed in (ulong[])[1, 2, 3])
        {
            GenerationRequest request = Fox with { Seed = seed };
            GeneratedImage ar = await model.GenerateAsync(request, new GenerationOptions { Method = new Autoregressive() });
            GeneratedImage exact = await model.GenerateAsync(request, new GenerationOptions { Method = new GumbelExact(), Window = 16 });
            Assert.Equal(ar.TokenIds, exact.TokenIds);
        }
    }

    [ModelFact]
    public async Task Two_requests_at_the_same_time_draw_the_images_that_they_draw_alone()
    {
        GenerationRequest[] requests = [Fox with { Seed = 1 }, Fox with { Seed = 2 }];
        GeneratedImage[] alone = [await loaded.Model.GenerateAsync(requests[0]), await loaded.Model.GenerateAsync(requests[1])];
        GeneratedImage[] together = await Task.WhenAll(requests.Select(request => loaded.Model.GenerateAsync(request)));

        Assert.Equal(alone.Select(image => image.TokenIds), together.Select(image => image.TokenIds));
    }

    [ModelFact]
    public async Task Progress_is_reported_after_every_pass_and_ends_at_the_total()
    {
        var steps = new List<GenerationProgress>();
        GeneratedImage image = await loaded.Model.GenerateAsync(Fox, progress: new Callback<GenerationProgress>(steps.Add));

        Assert.Equal(image.ForwardPasses + 1, steps.Count);
        Assert.Equal(Enumerable.Range(0, steps.Count), steps.Select(step => step.ForwardPasses));
        Assert.Equal(steps.Select(step => step.Tokens), steps.Select(step => step.Tokens).Order());
        Assert.Equal((image.ImageTokens, image.ImageTokens), (steps[^1].Tokens, steps[^1].TotalTokens));
    }
}
