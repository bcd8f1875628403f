namespace SjdOnnx.Runtime.Tests;

[Collection(UsesLoadedModel.Name)]
public class StreamTests(LoadedTestModel loaded)
{
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox", Seed = 3 };
    private static readonly GenerationOptions Previews = new() { PreviewEveryRows = 4 };

    [ModelFact]
    public async Task A_stream_has_progress_and_previews_in_order_and_the_image_last()
    {
        List<GenerationEvent> events = await Collect(Fox, Previews);

        GeneratedImage image = Assert.IsType<GenerationCompleted>(events[^1]).Image;
        Assert.Single(events.OfType<GenerationCompleted>());
        Assert.Equal(image.ForwardPasses + 1, events.OfType<GenerationProgress>().Count());
        int[] heights = [.. events.OfType<GenerationPreview>().Select(preview => preview.FinishedHeight)];
        Assert.NotEmpty(heights);
        Assert.Equal(heights.Order().Distinct(), heights);
        Assert.All(heights, height => Assert.InRange(height, 1, image.Height - 1));
    }

    [ModelFact]
    public async Task A_preview_looks_like_the_image_in_the_rows_that_are_finished()
    {
        List<GenerationEvent> events = await Collect(Fox, Previews);
        RgbImage image = Assert.IsType<GenerationCompleted>(events[^1]).Image.Pixels;
        GenerationPreview last = events.OfType<GenerationPreview>().Last();

        Assert.Equal((image.Width, image.Height), (last.Image.Width, last.Image.Height));
        int finished = last.FinishedHeight * image.Width * 3;
        double above = MeanDifference(image.Rgb.Span[..finished], last.Image.Rgb.Span[..finished]);
        double below = MeanDifference(image.Rgb.Span[finished..], last.Image.Rgb.Span[finished..]);
        Assert.True(above < below, $"above {above}, below {below}");
    }

    [ModelFact]
    public async Task Without_previews_a_stream_has_none_and_draws_the_same_image()
    {
        List<GenerationEvent> with = await Collect(Fox, Previews);
        List<GenerationEvent> without = await Collect(Fox, new GenerationOptions());

        Assert.Empty(without.OfType<GenerationPreview>());
        Assert.Equal(((GenerationCompleted)with[^1]).Image.TokenIds, ((GenerationCompleted)without[^1]).Image.TokenIds);
    }

    [ModelFact]
    public async Task A_reader_that_leaves_a_stream_cancels_its_request()
    {
        await foreach (GenerationEvent happened in loaded.Model.StreamAsync(Fox, Previews))
        {
            if (happened is GenerationProgress { ForwardPasses: 2 })
                break;
        }

        Assert.Equal((0, 0), (loaded.Model.QueueLength, loaded.Model.ImagesUnderWay));
        int passes = loaded.Model.Passes;
        GeneratedImage next = await loaded.Model.GenerateAsync(Fox).WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(next.ForwardPasses + 1, loaded.Model.Passes - passes);
    }

    [ModelFact]
    public async Task A_slow_reader_of_a_stream_delays_no_other_image_and_misses_no_event()
    {
        int events = 0;
        GeneratedImage? image = null;
        await foreach (GenerationEvent happened in loaded.Model.StreamAsync(Fox))
        {
            if (events++ == 0)
                await loaded.Model.GenerateAsync(Fox with { Seed = 4 }).WaitAsync(TimeSpan.FromMinutes(1));
            image = (happened as GenerationCompleted)?.Image;
        }

        Assert.Equal(image!.ForwardPasses + 2, events);
    }

    [ModelFact]
    public async Task A_stream_ends_with_the_error_of_a_bad_request() =>
        await Assert.ThrowsAsync<RequestException>(() => Collect(Fox with { Prompt = " " }, Previews));

    [ModelFact]
    public async Task A_stream_ends_with_the_cancellation_of_its_token()
    {
        using var stop = new CancellationTokenSource();
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (GenerationEvent happened in loaded.Model.StreamAsync(Fox, Previews, stop.Token))
            {
                if (happened is GenerationProgress { ForwardPasses: 2 })
                    await stop.CancelAsync();
                Assert.IsNotType<GenerationCompleted>(happened);
            }
        });
        Assert.Equal(stop.Token, error.CancellationToken);
    }

    private async Task<List<GenerationEvent>> Collect(GenerationRequest request, GenerationOptions options)
    {
        var events = new List<GenerationEvent>();
        await foreach (GenerationEvent happened in loaded.Model.StreamAsync(request, options))
            events.Add(happened);
        return events;
    }

    private static double MeanDifference(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        long sum = 0;
        for (var i = 0; i < a.Length; i++)
            sum += Math.Abs(a[i] - b[i]);
        return (double)sum / a.Length;
    }
}
