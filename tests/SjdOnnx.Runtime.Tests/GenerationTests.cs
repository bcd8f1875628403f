namespace SjdOnnx.Runtime.Tests;

[Collection(UsesLoadedModel.Name)]
public class GenerationTests(LoadedTestModel loaded)
{
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox above a rocket on a blue background", Seed = 7 };

    [ModelFact]
    public async Task A_picture_has_what_it_says()
    {
        GeneratedImage image = await loaded.Model.GenerateAsync(Fox);

        Assert.Equal(loaded.Model.Model.Sizes[0], new ImageSize(image.Width, image.Height));
        Assert.Equal(image.Width * image.Height * 3, image.Rgb.Length);
        Assert.True(image.TokenIds.Count >= image.ImageTokens);
        Assert.Equal(image.ForwardPasses, image.AcceptedHistogram.Sum());
        Assert.Equal((double)image.ImageTokens / image.ForwardPasses, image.TokensPerPass);
    }

    [ModelFact]
    public async Task Times_are_parts_of_a_whole()
    {
        GenerationTimings seconds = (await loaded.Model.GenerateAsync(Fox)).Seconds;

        Assert.All([seconds.Load, seconds.Prefill, seconds.Decode, seconds.Image, seconds.Run], time => Assert.InRange(time, 1e-6, 600));
        Assert.True(seconds.Run <= seconds.Decode);
    }

    [ModelFact]
    public async Task Settings_are_the_request_over_the_models_defaults()
    {
        GenerationSettings settings = (await loaded.Model.GenerateAsync(Fox with { Window = 5, TopK = 40 })).Settings;

        Assert.Equal((Fox.Prompt, 7ul, 5, 40), (settings.Prompt, settings.Seed, settings.Window, settings.TopK));
        Assert.Equal(loaded.Model.Model.DefaultMethod, settings.Method);
        Assert.Equal(loaded.Model.Model.DefaultGuidance, settings.Guidance);
        Assert.Equal((loaded.Model.Model.Precision, "cpu", 1), (settings.Precision, settings.Provider, settings.Threads));
    }

    [ModelFact]
    public async Task The_same_request_gives_the_same_bytes_whatever_came_between()
    {
        GeneratedImage first = await loaded.Model.GenerateAsync(Fox);
        // Larger buffers, other bindings.
        await loaded.Model.GenerateAsync(Fox with { Window = 40, Prompt = string.Join(' ', Enumerable.Repeat("fox", 60)) });
        GeneratedImage again = await loaded.Model.GenerateAsync(Fox);
        GeneratedImage other = await loaded.Model.GenerateAsync(Fox with { Seed = 8 });

        Assert.Equal(first.TokenIds, again.TokenIds);
        Assert.True(first.Rgb.Span.SequenceEqual(again.Rgb.Span));
        Assert.Equal(first.Encode(), again.Encode());
        Assert.NotEqual(first.TokenIds, other.TokenIds);
    }

    [ModelFact]
    public async Task The_number_of_threads_does_not_change_the_picture()
    {
        using TextToImage single = TextToImage.Load(TestModel.Folder!, new TextToImageOptions { Precision = "fp32", Threads = 1 });
        using TextToImage two = TextToImage.Load(TestModel.Folder!, new TextToImageOptions { Precision = "fp32", Threads = 2 });

        GeneratedImage one = await single.GenerateAsync(Fox);
        GeneratedImage both = await two.GenerateAsync(Fox);

        Assert.Equal(one.TokenIds, both.TokenIds);
        Assert.True(one.Rgb.Span.SequenceEqual(both.Rgb.Span));
    }

    /// <summary>
    /// At fp32: passes of different length round differently by 1e-7, which at int8 can move an activation to the next of its 255 steps and
    /// decide between codes of nearly the same logit.
    /// </summary>
    [ModelFact]
    public async Task At_temperature_0_every_method_and_window_gives_the_greedy_picture()
    {
        using TextToImage model = TextToImage.Load(TestModel.Folder!, new TextToImageOptions { Precision = "fp32", Threads = 1 });
        GeneratedImage greedy = await model.GenerateAsync(Fox with { Method = "ar", Temperature = 0 });
        foreach ((string method, int window) in new[] { ("jacobi", 0), ("jacobi", 16), ("sjd", 5), ("sjd", 64) })
        {
            GeneratedImage image = await model.GenerateAsync(Fox with { Method = method, Temperature = 0, Window = window });
            Assert.Equal(greedy.TokenIds, image.TokenIds);
        }
    }

    /// <summary>
    /// At int8, where it is hardest: rounding by 1e-6 moves an activation to the next of its 255 steps, and read by another path through attention than a
    /// window's, nearly every picture of ar would be another one.
    /// </summary>
    [ModelFact]
    public async Task A_seed_exact_method_draws_the_picture_of_ar_at_the_default_precision()
    {
        foreach (ulong seed in (ulong[])[1, 2])
        {
            GenerationRequest request = Fox with { Seed = seed };
            GeneratedImage ar = await loaded.Model.GenerateAsync(request with { Method = "ar" });
            foreach (int window in (int[])[0, 3, 24])
            {
                GeneratedImage exact = await loaded.Model.GenerateAsync(request with { Method = "exact", Window = window });
                Assert.Equal(ar.TokenIds, exact.TokenIds);
            }
        }
    }

    [ModelFact]
    public async Task Requests_at_the_same_time_wait_for_each_other_and_do_not_mix()
    {
        GeneratedImage[] alone = [await loaded.Model.GenerateAsync(Fox with { Seed = 1 }), await loaded.Model.GenerateAsync(Fox with { Seed = 2 })];
        GeneratedImage[] together = await Task.WhenAll(loaded.Model.GenerateAsync(Fox with { Seed = 1 }), loaded.Model.GenerateAsync(Fox with { Seed = 2 }));

        Assert.Equal(alone.Select(image => image.TokenIds), together.Select(image => image.TokenIds));
    }

    [ModelFact]
    public async Task Progress_is_told_after_every_pass_and_ends_at_the_total()
    {
        var steps = new List<GenerationProgress>();
        GeneratedImage image = await loaded.Model.GenerateAsync(Fox, new Recorder(steps));

        Assert.Equal(image.ForwardPasses + 1, steps.Count);
        Assert.Equal(Enumerable.Range(0, steps.Count), steps.Select(step => step.ForwardPasses));
        Assert.Equal(steps.Select(step => step.Tokens), steps.Select(step => step.Tokens).Order());
        Assert.Equal((image.ImageTokens, image.ImageTokens), (steps[^1].Tokens, steps[^1].TotalTokens));
    }

    private sealed class Recorder(List<GenerationProgress> steps) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value) => steps.Add(value);
    }
}
