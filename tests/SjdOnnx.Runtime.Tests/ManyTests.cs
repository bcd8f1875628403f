namespace SjdOnnx.Runtime.Tests;

[Collection(UsesLoadedModel.Name)]
public class ManyTests(LoadedTestModel loaded)
{
    private static readonly string[] Prompts = ["a fox", "four strawberries on a pink background", "a rocket"];

    private static GenerationRequest[] Requests =>
        [.. Prompts.Select((prompt, i) => new GenerationRequest { Prompt = prompt, Seed = (ulong)(3 + i), Window = 16 })];

    /// <summary>More requests than places, so that pictures leave and others read their prompt while the rest goes on.</summary>
    [ModelTheory]
    [InlineData(2, "sjd", 16)]
    [InlineData(3, "mc", 32)]
    [InlineData(8, "ar", 0)]
    public async Task Pictures_of_a_batch_are_those_drawn_one_by_one(int batch, string method, int window)
    {
        GenerationRequest[] requests = [.. Requests.Select(request => request with { Method = method, Window = window })];
        IndexedImage[] together = await Collect(loaded.Model.GenerateManyAsync(requests, new() { Batch = batch }));

        Assert.Equal(Enumerable.Range(0, requests.Length), together.Select(image => image.Index).Order());
        foreach ((int index, GeneratedImage image) in together)
        {
            GeneratedImage alone = await loaded.Model.GenerateAsync(requests[index]);
            Assert.Equal(alone.TokenIds, image.TokenIds);
            Assert.Equal(alone.ForwardPasses, image.ForwardPasses);
            Assert.True(alone.Rgb.Span.SequenceEqual(image.Rgb.Span));
            Assert.Equal(alone.Settings, image.Settings);
        }
    }

    [ModelFact]
    public async Task At_fp32_too()
    {
        using TextToImage model = TextToImage.Load(TestModel.Folder!, new() { Precision = "fp32", Batch = 4 });
        IndexedImage[] together = await Collect(model.GenerateManyAsync(Requests));
        foreach ((int index, GeneratedImage image) in together)
            Assert.Equal((await model.GenerateAsync(Requests[index])).TokenIds, image.TokenIds);
    }

    [ModelFact]
    public async Task A_batch_takes_fewer_passes_than_its_pictures()
    {
        var steps = new List<BatchProgress>();
        IndexedImage[] images = await Collect(loaded.Model.GenerateManyAsync(Requests, new() { Batch = 4 }, new Recorder(steps)));

        int passes = images.Sum(image => image.Image.ForwardPasses + 1);
        Assert.InRange(steps[^1].ForwardPasses, passes / 3, passes / 2);
        Assert.Equal(Enumerable.Range(1, steps.Count), steps.Select(step => step.ForwardPasses));
        Assert.Equal(steps.Select(step => step.Tokens).Order(), steps.Select(step => step.Tokens));
        Assert.All(steps, step => Assert.InRange(step.UnderWay, 0, 4));
        BatchProgress last = steps[^1];
        Assert.Equal((3, 0, 3 * last.TokensPerPicture), (last.Finished, last.UnderWay, last.Tokens));
    }

    /// <summary>The parts add up to the whole, whoever shared them.</summary>
    [ModelFact]
    public async Task Pictures_are_charged_their_part_of_the_time()
    {
        var steps = new List<BatchProgress>();
        IndexedImage[] images = await Collect(loaded.Model.GenerateManyAsync(Requests, new() { Batch = 4 }, new Recorder(steps)));

        double whole = steps[^1].Elapsed.TotalSeconds;
        double parts = images.Sum(image => image.Image.Seconds.Prefill + image.Image.Seconds.Decode + image.Image.Seconds.Image);
        Assert.InRange(parts, whole * 0.5, whole);
        Assert.All(images.Select(image => image.Image.Seconds), seconds =>
        {
            Assert.InRange(seconds.Run, 0, seconds.Decode);
            Assert.InRange(seconds.Elapsed, seconds.Decode + seconds.Image, whole);
        });
    }

    [ModelFact]
    public async Task Requests_of_other_settings_are_drawn_after_those_before()
    {
        GenerationRequest[] requests =
            [Requests[0], Requests[1] with { Window = 24 }, Requests[2] with { Window = 24 }, Requests[0] with { Temperature = 0.5f }];
        IndexedImage[] images = await Collect(loaded.Model.GenerateManyAsync(requests, new() { Batch = 4 }));

        Assert.Equal((0, 3), (images[0].Index, images[3].Index));
        Assert.Equal([1, 2], images[1..3].Select(image => image.Index).Order());
        Assert.All(images, image => Assert.Equal((image.Index is 1 or 2) ? 24 : 16, image.Image.Settings.Window));
    }

    [ModelTheory]
    [InlineData("", "prompt is empty")]
    [InlineData("long", "characters; this model reads at most")]
    public async Task A_request_that_cannot_be_drawn_ends_the_series_after_those_before_it(string bad, string reason)
    {
        string prompt = bad == "long" ? string.Join(' ', Enumerable.Repeat("strawberry", 5000)) : bad;
        var images = new List<int>();
        var error = await Assert.ThrowsAsync<RequestException>(async () =>
        {
            GenerationRequest[] requests = [Requests[0], Requests[1], new() { Prompt = prompt }, Requests[2]];
            await foreach (IndexedImage image in loaded.Model.GenerateManyAsync(requests, new() { Batch = 4 }))
                images.Add(image.Index);
        });

        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Equal([0, 1], images.Order());
    }

    [ModelFact]
    public async Task Settings_that_are_not_legal_end_the_series_too()
    {
        GenerationRequest[] requests = [Requests[0], Requests[1] with { TopP = 2 }];
        var error = await Assert.ThrowsAsync<RequestException>(() => Collect(loaded.Model.GenerateManyAsync(requests)));
        Assert.Contains("TopP must be", error.Message, StringComparison.Ordinal);
    }

    [ModelFact]
    public async Task No_requests_are_no_pictures() => Assert.Empty(await Collect(loaded.Model.GenerateManyAsync([])));

    [ModelFact]
    public async Task Requests_are_read_as_there_is_room()
    {
        int read = 0;
        await foreach (IndexedImage image in loaded.Model.GenerateManyAsync(Endless().Select(Count), new() { Batch = 2 }))
        {
            Assert.InRange(image.Index, 0, 3);
            if (image.Index == 3)
                break;
        }

        Assert.InRange(read, 4, 12);
        // It would wait in line if the series were still drawn.
        Assert.NotNull(await loaded.Model.GenerateAsync(Requests[0]).WaitAsync(TimeSpan.FromMinutes(1)));

        GenerationRequest Count(GenerationRequest request)
        {
            read++;
            return request;
        }
    }

    [ModelFact]
    public async Task Cancellation_ends_a_series_and_leaks_nothing()
    {
        await Collect(loaded.Model.GenerateManyAsync(Requests, new() { Batch = 4 }));
        int live = loaded.Model.LiveTensors;
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Collect(loaded.Model.GenerateManyAsync(Requests, new() { Batch = 4 }, new StopAt(5, stop), stop.Token)));

        await Collect(loaded.Model.GenerateManyAsync(Requests, new() { Batch = 4 }));
        Assert.InRange(loaded.Model.LiveTensors, 1, live + 30); // bindings of shapes that the series before did not meet
    }

    [ModelFact]
    public async Task Disposal_ends_a_series()
    {
        TextToImage model = TextToImage.Load(TestModel.Folder!, new() { Threads = 1, Batch = 2 });
        await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
        {
            await foreach (IndexedImage image in model.GenerateManyAsync(Endless(), new() { Batch = 2 }))
                await Task.Run(model.Dispose);
        });
        Assert.Equal(0, model.LiveTensors);
    }

    // A series that ends of itself might be drawn before the test has done what should end it.
    private static IEnumerable<GenerationRequest> Endless()
    {
        for (ulong seed = 0; ; seed++)
            yield return Requests[0] with { Seed = seed };
    }

    [ModelFact]
    public async Task A_folder_without_graphs_for_batches_draws_one_by_one()
    {
        using var copy = new ModelCopy();
        copy.Edit(manifest =>
        {
            foreach ((_, var precision) in manifest["transformer"]!["precisions"]!.AsObject())
            {
                precision!.AsObject().Remove("batches");
                precision.AsObject().Remove("tree");
            }
        });
        using TextToImage model = TextToImage.Load(copy.Folder, new() { Threads = 1, Batch = 4 });
        var steps = new List<BatchProgress>();

        IndexedImage[] images = await Collect(model.GenerateManyAsync(Requests[..2], new() { Batch = 4 }, new Recorder(steps)));

        Assert.Equal([1], model.Model.Batches);
        Assert.Equal([0, 1], images.Select(image => image.Index));
        Assert.All(steps, step => Assert.InRange(step.UnderWay, 0, 1));
    }

    [Fact]
    public void A_batch_of_no_pictures_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new GenerateManyOptions { Batch = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new TextToImageOptions { Batch = 0 });
    }

    internal static async Task<IndexedImage[]> Collect(IAsyncEnumerable<IndexedImage> images)
    {
        var collected = new List<IndexedImage>();
        await foreach (IndexedImage image in images)
            collected.Add(image);
        return [.. collected];
    }

    private sealed class Recorder(List<BatchProgress> steps) : IProgress<BatchProgress>
    {
        public void Report(BatchProgress value) => steps.Add(value);
    }

    private sealed class StopAt(int pass, CancellationTokenSource stop) : IProgress<BatchProgress>
    {
        public void Report(BatchProgress value)
        {
            if (value.ForwardPasses == pass)
                stop.Cancel();
        }
    }
}
