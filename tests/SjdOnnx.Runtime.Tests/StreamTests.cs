namespace SjdOnnx.Runtime.Tests;

[Collection(UsesLoadedModel.Name)]
public class StreamTests(LoadedTestModel loaded)
{
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox", Seed = 3, PreviewEveryRows = 4 };

    [ModelFact]
    public async Task A_stream_tells_progress_and_previews_in_order_and_the_picture_last()
    {
        List<GenerationEvent> events = await Collect(Fox);

        GeneratedImage image = Assert.IsType<GenerationCompleted>(events[^1]).Image;
        Assert.Single(events.OfType<GenerationCompleted>());
        Assert.Equal(image.ForwardPasses + 1, events.OfType<GenerationProgress>().Count());
        int[] heights = [.. events.OfType<GenerationPreview>().Select(preview => preview.FinishedHeight)];
        Assert.NotEmpty(heights);
        Assert.Equal(heights.Order().Distinct(), heights);
        Assert.All(heights, height => Assert.InRange(height, 1, image.Height - 1));
    }

    [ModelFact]
    public async Task Previews_look_like_the_picture_where_it_is_finished()
    {
        List<GenerationEvent> events = await Collect(Fox);
        GeneratedImage image = Assert.IsType<GenerationCompleted>(events[^1]).Image;
        GenerationPreview last = events.OfType<GenerationPreview>().Last();

        Assert.Equal((image.Width, image.Height), (last.Width, last.Height));
        int finished = last.FinishedHeight * image.Width * 3;
        double above = MeanDifference(image.Rgb.Span[..finished], last.Rgb.Span[..finished]);
        double below = MeanDifference(image.Rgb.Span[finished..], last.Rgb.Span[finished..]);
        Assert.True(above < below, $"above {above}, below {below}");
    }

    [ModelFact]
    public async Task Without_previews_a_stream_has_none_and_draws_the_same_picture()
    {
        List<GenerationEvent> with = await Collect(Fox);
        List<GenerationEvent> without = await Collect(Fox with { PreviewEveryRows = 0 });

        Assert.Empty(without.OfType<GenerationPreview>());
        Assert.Equal(((GenerationCompleted)with[^1]).Image.TokenIds, ((GenerationCompleted)without[^1]).Image.TokenIds);
    }

    [ModelFact]
    public async Task A_reader_that_leaves_cancels_the_request()
    {
        await foreach (GenerationEvent happened in loaded.Model.StreamAsync(Fox))
        {
            if (happened is GenerationProgress { ForwardPasses: 2 })
                break;
        }

        // It would wait in line if the first were still drawn.
        Assert.NotNull(await loaded.Model.GenerateAsync(Fox).WaitAsync(TimeSpan.FromMinutes(1)));
    }

    [ModelFact]
    public async Task A_stream_ends_in_the_error_of_a_bad_request() =>
        await Assert.ThrowsAsync<RequestException>(() => Collect(Fox with { Prompt = " " }));

    [ModelFact]
    public async Task A_stream_ends_in_a_cancellation()
    {
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (GenerationEvent happened in loaded.Model.StreamAsync(Fox, stop.Token))
            {
                if (happened is GenerationProgress { ForwardPasses: 2 })
                    await stop.CancelAsync();
                Assert.IsNotType<GenerationCompleted>(happened);
            }
        });
    }

    private async Task<List<GenerationEvent>> Collect(GenerationRequest request)
    {
        var events = new List<GenerationEvent>();
        await foreach (GenerationEvent happened in loaded.Model.StreamAsync(request))
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
