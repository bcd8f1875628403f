using SjdOnnx.Methods;

namespace SjdOnnx.Runtime.Tests;

[Collection(UsesLoadedModel.Name)]
public class GenerateManyTests(LoadedTestModel loaded)
{
    private static readonly string[] Prompts = ["a fox", "four strawberries on a pink background", "a rocket"];
    private static readonly GenerationOptions Window16 = new() { Window = 16 };

    private static GenerationRequest[] Requests =>
        [.. Prompts.Select((prompt, i) => new GenerationRequest { Prompt = prompt, Seed = (ulong)(3 + i) })];

    /// <summary>There are more requests than places, so images leave and others read their prompt while the rest goes on.</summary>
    [ModelTheory]
    [InlineData(2, "sjd", 16)]
    [InlineData(3, "mc", 32)]
    [InlineData(8, "ar", 0)]
    public async Task Images_of_a_series_are_those_drawn_one_by_one(int batch, string method, int window)
    {
        var options = new GenerationOptions { Method = DecodingMethods.BuiltIn[method].Default, Window = window };
        IndexedImage[] together = await Collect(loaded.Model.GenerateManyAsync(Requests, options, new() { MaxBatch = batch }));

        Assert.Equal(Enumerable.Range(0, Requests.Length), together.Select(image => image.Index).Order());
        foreach ((int index, GeneratedImage image) in together)
        {
            GeneratedImage alone = await loaded.Model.GenerateAsync(Requests[index], options);
            Assert.Equal(alone.TokenIds, image.TokenIds);
            Assert.Equal(alone.ForwardPasses, image.ForwardPasses);
            Assert.True(alone.Pixels.Rgb.Span.SequenceEqual(image.Pixels.Rgb.Span));
            Assert.Equal(alone.Settings, image.Settings);
        }
    }

    [ModelFact]
    public async Task At_fp32_images_of_a_series_are_those_drawn_one_by_one()
    {
        using TextToImage model = TextToImage.Load(TestModel.Folder!, new() { Precision = Precision.Fp32, ExpectedBatch = 4 });
        IndexedImage[] together = await Collect(model.GenerateManyAsync(Requests, Window16));
        foreach ((int index, GeneratedImage image) in together)
            Assert.Equal((await model.GenerateAsync(Requests[index], Window16)).TokenIds, image.TokenIds);
    }

    [ModelFact]
    public async Task A_series_takes_fewer_passes_than_its_images_one_by_one()
    {
        var steps = new List<BatchProgress>();
        int before = loaded.Model.Passes;
        IndexedImage[] images = await Collect(loaded.Model.GenerateManyAsync(
            Requests, Window16, new() { MaxBatch = 4 }, new Callback<BatchProgress>(steps.Add)));

        int passes = images.Sum(image => image.Image.ForwardPasses + 1);
        int longest = images.Max(image => image.Image.ForwardPasses + 1);
        Assert.Equal(longest, loaded.Model.Passes - before); // all three shared every pass until they were finished
        Assert.Equal(passes, steps.Count);
        Assert.Equal(passes - 3, steps[^1].ForwardPasses);
        Assert.Equal(steps.Select(step => step.Tokens).Order(), steps.Select(step => step.Tokens));
        Assert.Equal(steps.Select(step => step.ForwardPasses).Order(), steps.Select(step => step.ForwardPasses));
        Assert.All(steps, step => Assert.InRange(step.UnderWay, 0, 3));
        BatchProgress last = steps[^1];
        Assert.Equal((3, 0, 3 * last.TokensPerImage), (last.Finished, last.UnderWay, last.Tokens));
    }

    /// <summary>Two equal requests share every pass, so each is charged the same.</summary>
    [ModelFact]
    public async Task Images_that_share_their_passes_are_charged_equal_parts_of_the_time()
    {
        var steps = new List<BatchProgress>();
        IndexedImage[] images = await Collect(loaded.Model.GenerateManyAsync(
            [Requests[0], Requests[0]], Window16, progress: new Callback<BatchProgress>(steps.Add)));

        GenerationTimings[] timings = [.. images.Select(image => image.Image.Timings)];
        Assert.Equal((timings[0].Decode, timings[0].Run), (timings[1].Decode, timings[1].Run));
        Assert.All(timings, timing => Assert.InRange(timing.Run, TimeSpan.FromTicks(1), timing.Decode));
        TimeSpan parts = timings[0].Decode + timings[1].Decode + timings[0].Image + timings[1].Image;
        Assert.InRange(parts, TimeSpan.FromTicks(1), timings.Max(timing => timing.Elapsed));
    }

    [ModelTheory]
    [InlineData("", "prompt is empty")]
    [InlineData("long", "characters; this model reads at most")]
    public async Task A_request_that_cannot_be_drawn_ends_the_series_after_the_images_before_it(string bad, string reason)
    {
        string prompt = bad == "long" ? string.Join(' ', Enumerable.Repeat("strawberry", 5000)) : bad;
        GenerationRequest[] requests = [Requests[0], Requests[1], new() { Prompt = prompt }, Requests[2]];
        var images = new List<int>();
        var error = await Assert.ThrowsAsync<RequestException>(async () =>
        {
            await foreach (IndexedImage image in loaded.Model.GenerateManyAsync(requests, Window16, new() { MaxBatch = 4 }))
                images.Add(image.Index);
        });

        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Equal([0, 1], images.Order());
    }

    [ModelFact]
    public async Task A_request_that_is_null_ends_the_series_with_its_index_after_the_images_before_it()
    {
        var images = new List<int>();
        var error = await Assert.ThrowsAsync<ArgumentException>(async () =>
        {
            await foreach (IndexedImage image in loaded.Model.GenerateManyAsync([Requests[0], Requests[1], null!], Window16))
                images.Add(image.Index);
        });

        Assert.Contains("Request 2 is null", error.Message, StringComparison.Ordinal);
        Assert.Equal([0, 1], images.Order());
    }

    [ModelFact]
    public async Task An_enumerable_of_requests_that_throws_ends_the_series_with_its_exception_after_the_images_before()
    {
        var thrown = new IOException("The list of prompts cannot be read.");
        var images = new List<int>();
        var error = await Assert.ThrowsAsync<IOException>(async () =>
        {
            await foreach (IndexedImage image in loaded.Model.GenerateManyAsync(Broken(), Window16))
                images.Add(image.Index);
        });

        Assert.Same(thrown, error);
        Assert.Equal([0], images);

        IEnumerable<GenerationRequest> Broken()
        {
            yield return Requests[0];
            throw thrown;
        }
    }

    [ModelFact]
    public async Task Options_that_are_not_legal_end_the_series_before_its_first_image()
    {
        var error = await Assert.ThrowsAsync<RequestException>(
            () => Collect(loaded.Model.GenerateManyAsync(Requests, new GenerationOptions { TopP = 2 })));
        Assert.Contains("TopP must be", error.Message, StringComparison.Ordinal);
    }

    [ModelFact]
    public async Task A_series_without_requests_has_no_images() => Assert.Empty(await Collect(loaded.Model.GenerateManyAsync([])));

    /// <summary>Requests are read as there is room, so a series may be endless. A reader that leaves ends it.</summary>
    [ModelFact]
    public async Task An_endless_series_reads_few_requests_ahead_and_ends_when_its_reader_leaves()
    {
        int read = 0;
        await foreach (IndexedImage image in loaded.Model.GenerateManyAsync(Endless().Select(Count), Window16, new() { MaxBatch = 2 }))
        {
            Assert.InRange(image.Index, 0, 4);
            if (image.Index == 3)
                break;
        }

        Assert.InRange(read, 4, 12);
        Assert.Equal((0, 0), (loaded.Model.QueueLength, loaded.Model.ImagesUnderWay));
        int passes = loaded.Model.Passes;
        GeneratedImage next = await loaded.Model.GenerateAsync(Requests[0], Window16).WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(next.ForwardPasses + 1, loaded.Model.Passes - passes);

        GenerationRequest Count(GenerationRequest request)
        {
            read++;
            return request;
        }
    }

    [ModelFact]
    public async Task A_reader_that_is_slow_is_not_drawn_far_ahead()
    {
        int read = 0;
        await foreach (IndexedImage image in loaded.Model.GenerateManyAsync(Endless().Select(Count), Window16, new() { MaxBatch = 2 }))
        {
            // All that may be drawn without the reader is drawn.
            while (loaded.Model.ImagesUnderWay + loaded.Model.QueueLength > 0)
                await Task.Delay(1);
            Assert.InRange(read, 2, 4 + image.Index);
            if (image.Index == 2)
                break;
        }

        GenerationRequest Count(GenerationRequest request)
        {
            read++;
            return request;
        }
    }

    [ModelFact]
    public async Task Cancellation_ends_a_series_and_leaks_nothing()
    {
        using TextToImage model = TextToImage.Load(TestModel.Folder!, new() { Threads = 1, ExpectedBatch = 3 });
        await Collect(model.GenerateManyAsync(Requests, Window16));
        int live = model.LiveTensors;
        using var stop = new CancellationTokenSource();
        var progress = new Callback<BatchProgress>(step =>
        {
            if (step.ForwardPasses == 15)
                stop.Cancel();
        });
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Collect(model.GenerateManyAsync(Requests, Window16, progress: progress, cancellationToken: stop.Token)));

        Assert.Equal(stop.Token, error.CancellationToken);
        Assert.Equal((0, 0), (model.QueueLength, model.ImagesUnderWay));
        await Collect(model.GenerateManyAsync(Requests, Window16));
        Assert.Equal(live, model.LiveTensors);
    }

    [ModelFact]
    public async Task Disposal_ends_a_series()
    {
        TextToImage model = TextToImage.Load(TestModel.Folder!, new() { Threads = 1, ExpectedBatch = 2 });
        await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
        {
            await foreach (IndexedImage image in model.GenerateManyAsync(Endless(), Window16, new() { MaxBatch = 2 }))
                await Task.Run(model.Dispose);
        });
        Assert.Equal(0, model.LiveTensors);
    }

    [ModelFact]
    public async Task A_model_without_graphs_for_batches_draws_a_series_one_by_one()
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
        using TextToImage model = TextToImage.Load(copy.Folder, new() { Threads = 1, ExpectedBatch = 4 });
        var steps = new List<BatchProgress>();

        IndexedImage[] images = await Collect(model.GenerateManyAsync(
            Requests[..2], Window16, new() { MaxBatch = 4 }, new Callback<BatchProgress>(steps.Add)));

        Assert.Equal([1], model.Model.Batches);
        Assert.Equal([0, 1], images.Select(image => image.Index));
        Assert.All(steps, step => Assert.InRange(step.UnderWay, 0, 1));
        Assert.Equal(images.Sum(image => image.Image.ForwardPasses + 1), model.Passes);
    }

    internal static async Task<IndexedImage[]> Collect(IAsyncEnumerable<IndexedImage> images)
    {
        var collected = new List<IndexedImage>();
        await foreach (IndexedImage image in images)
            collected.Add(image);
        return [.. collected];
    }

    // A series that ends by itself might be drawn before the test has ended it.
    private static IEnumerable<GenerationRequest> Endless()
    {
        for (ulong seed = 0; ; seed++)
            yield return Requests[0] with { Seed = seed };
    }
}
