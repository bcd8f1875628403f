using System.Collections.Concurrent;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime.Tests.Scheduling;

/// <summary>Concurrent callers of one model.</summary>
public sealed class SchedulerTests(SmallModel small) : IClassFixture<SmallModel>
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox", Seed = 3 };
    private static readonly GenerationOptions Coupled = new() { Method = new MaximalCoupling(), Window = 16 };

    /// <summary>Eight callers that have nothing in common but the model.</summary>
    private static readonly (GenerationRequest Request, GenerationOptions Options)[] Different =
    [
        (Fox, Coupled),
        (Fox with { Prompt = "a rocket on a blue background" }, Coupled with { Method = new SpeculativeJacobi(), Window = 4 }),
        (Fox with { Seed = 11 }, Coupled with { Method = new GumbelExact(), Window = 40, Size = SmallModel.Small }),
        (Fox with { Prompt = "four owls on a white background" }, Coupled with { Method = new Jacobi(), Temperature = 0.5f }),
        (Fox with { Seed = 12 }, Coupled with { Method = new GroupedAcceptance { GroupSize = 4 }, Size = SmallModel.Wide, TopK = 50 }),
        (Fox with { Prompt = "a star above a chicken" }, Coupled with { Method = new Autoregressive(), Size = SmallModel.Tiny }),
        (
            Fox with { Seed = ulong.MaxValue },
            Coupled with { Method = new GumbelSharing(), Guidance = 1, Initialization = Initialization.Uniform }),
        (Fox with { Prompt = "a penguin" }, Coupled with { Method = new EarlyExit { Iterations = 2 }, Window = 64, TopP = 0.9f }),
    ];

    [ModelTheory]
    [InlineData("int8")]
    [InlineData("fp32")]
    public async Task Eight_different_callers_share_passes_and_draw_the_images_that_they_draw_alone(string precision)
    {
        using TextToImage model = small.Load(new TextToImageOptions { Precision = Precision.Parse(precision) });
        var alone = new List<GeneratedImage>();
        foreach ((GenerationRequest request, GenerationOptions options) in Different)
            alone.Add(await model.GenerateAsync(request, options));
        int passesAlone = model.Passes;

        // All are in the queue before the second pass of the first.
        using var gate = new Gate();
        Task<GeneratedImage> first = model.GenerateAsync(Different[0].Request, Different[0].Options, gate);
        await gate.Reached;
        Task<GeneratedImage>[] others = [.. Different.Skip(1).Select(one => model.GenerateAsync(one.Request, one.Options))];
        gate.Open();
        GeneratedImage[] together = await Task.WhenAll([first, .. others]).WaitAsync(Long);
        int passesTogether = model.Passes - passesAlone;

        foreach ((GeneratedImage expected, GeneratedImage actual) in alone.Zip(together))
            AssertSame(expected, actual);
        Assert.Equal(alone.Sum(image => image.ForwardPasses + 1), passesAlone);
        // The last seven join at the second pass of the first, so the longest image decides.
        Assert.Equal(
            Math.Max(alone[0].ForwardPasses + 1, 1 + alone.Skip(1).Max(image => image.ForwardPasses + 1)), passesTogether);
        Assert.InRange(passesTogether, 1, passesAlone / 2);
    }

    [ModelFact]
    public async Task An_image_joins_the_others_at_the_next_pass()
    {
        using TextToImage model = small.Load();
        GeneratedImage alone = await model.GenerateAsync(Fox with { Seed = 4 }, Coupled);
        int before = model.Passes;
        Task<GeneratedImage>? joining = null;
        int passesAtTheJoin = 0;
        GeneratedImage first = await model.GenerateAsync(Fox, Coupled, new Callback<GenerationProgress>(step =>
        {
            if (step.ForwardPasses == 5)
            {
                passesAtTheJoin = model.Passes;
                joining = model.GenerateAsync(Fox with { Seed = 4 }, Coupled);
            }
        }));

        AssertSame(alone, await joining!);
        Assert.Equal(6, passesAtTheJoin - before);
        int whole = Math.Max(first.ForwardPasses + 1, 6 + alone.ForwardPasses + 1);
        Assert.Equal(whole, model.Passes - before);
    }

    [ModelTheory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task No_pass_has_more_images_than_MaxBatch(int maxBatch)
    {
        using TextToImage model = small.Load(new TextToImageOptions { MaxBatch = maxBatch });
        GenerationOptions options = Coupled with { Size = SmallModel.Small };
        var underWay = new ConcurrentBag<int>();
        var count = new Callback<GenerationProgress>(_ => underWay.Add(model.ImagesUnderWay));
        using var gate = new Gate();
        Task<GeneratedImage> first = model.GenerateAsync(Fox, options, gate);
        await gate.Reached;
        Task<GeneratedImage>[] others =
            [.. Enumerable.Range(0, 6).Select(i => model.GenerateAsync(Fox with { Seed = (ulong)i }, options, count))];
        Assert.Equal((1, 6), (model.ImagesUnderWay, model.QueueLength));
        gate.Open();
        await Task.WhenAll([first, .. others]).WaitAsync(Long);

        Assert.Equal(maxBatch, underWay.Max());
        Assert.Equal((0, 0), (model.ImagesUnderWay, model.QueueLength));
    }

    /// <summary>The image with a tree waits until no image is under way, and requests behind it do not overtake it.</summary>
    [ModelFact]
    public async Task An_image_with_a_tree_is_drawn_alone_and_the_requests_behind_it_are_drawn_after_it()
    {
        using TextToImage model = small.Load();
        GenerationOptions tree = Coupled with { Method = new ProactiveDrafting { Branching = new Branching(3, 2) } };
        GeneratedImage alone = await model.GenerateAsync(Fox with { Seed = 5 }, tree);
        GeneratedImage chain = await model.GenerateAsync(Fox with { Seed = 6 }, Coupled);
        var passes = new ConcurrentQueue<(string Image, int UnderWay)>();

        using var gate = new Gate();
        Task<GeneratedImage> first = model.GenerateAsync(Fox, Coupled, gate);
        await gate.Reached;
        Task<GeneratedImage> withTree = model.GenerateAsync(Fox with { Seed = 5 }, tree, Noted("tree"));
        Task<GeneratedImage> second = model.GenerateAsync(Fox with { Seed = 6 }, Coupled, Noted("second"));
        Task<GeneratedImage> third = model.GenerateAsync(Fox with { Seed = 6 }, Coupled);
        gate.Open();
        await Task.WhenAll(first, withTree, second, third).WaitAsync(Long);

        AssertSame(alone, await withTree);
        AssertSame(chain, await second);
        AssertSame(chain, await third);
        Assert.Equal(
            [.. Enumerable.Repeat(("tree", 1), alone.ForwardPasses + 1), .. Enumerable.Repeat(("second", 2), chain.ForwardPasses + 1)],
            passes);

        Callback<GenerationProgress> Noted(string image) => new(_ => passes.Enqueue((image, model.ImagesUnderWay)));
    }

    [ModelFact]
    public async Task A_full_queue_refuses_one_more_request_and_draws_those_that_wait()
    {
        using TextToImage model = small.Load(new TextToImageOptions { MaxBatch = 1, MaxQueueLength = 2 });
        GenerationOptions options = Coupled with { Size = SmallModel.Tiny };
        using var gate = new Gate();
        Task<GeneratedImage> drawn = model.GenerateAsync(Fox, options, gate);
        await gate.Reached;
        Task<GeneratedImage>[] waiting = [model.GenerateAsync(Fox, options), model.GenerateAsync(Fox, options)];

        var error = await Assert.ThrowsAsync<QueueFullException>(() => model.GenerateAsync(Fox, options));
        Messages.AssertReadable(error);
        Assert.Contains("2 requests wait already, and MaxQueueLength is 2", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<QueueFullException>(() => model.MeasurePassCostsAsync());

        gate.Open();
        Assert.Equal(16, (await drawn).ImageTokens);
        await Task.WhenAll(waiting).WaitAsync(Long);
        Assert.Equal(16, (await model.GenerateAsync(Fox, options)).ImageTokens);
    }

    /// <summary>A series limits itself, so it may be longer than the queue.</summary>
    [ModelFact]
    public async Task A_series_is_not_refused_by_a_short_queue()
    {
        using TextToImage model = small.Load(new TextToImageOptions { MaxQueueLength = 1 });
        GenerationRequest[] requests = [.. Enumerable.Range(0, 30).Select(i => Fox with { Seed = (ulong)i })];
        IndexedImage[] images = await GenerateManyTests.Collect(
            model.GenerateManyAsync(requests, Coupled with { Size = SmallModel.Tiny })).WaitAsync(Long);
        Assert.Equal(30, images.Length);
    }

    /// <summary>The single request waits for a place, and for one image of the series at most.</summary>
    [ModelFact]
    public async Task A_request_that_arrives_during_a_series_is_finished_after_a_few_of_its_images()
    {
        using TextToImage model = small.Load(new TextToImageOptions { MaxBatch = 2 });
        GenerationOptions options = Coupled with { Size = SmallModel.Small };
        GenerationRequest[] requests = [.. Enumerable.Range(0, 50).Select(i => Fox with { Seed = (ulong)i })];
        int finished = 0, finishedBefore = 0, finishedAfter = 0;
        Task<GeneratedImage>? single = null;
        var lastPass = new Callback<GenerationProgress>(_ => finishedAfter = finished);
        var progress = new Callback<BatchProgress>(step =>
        {
            finished = step.Finished;
            if (single is null && step.ForwardPasses > 10)
            {
                finishedBefore = finished;
                single = model.GenerateAsync(Fox with { Seed = 77 }, options, lastPass);
            }
        });

        IndexedImage[] images = await GenerateManyTests.Collect(
            model.GenerateManyAsync(requests, options, progress: progress)).WaitAsync(Long);

        Assert.Equal(50, images.Length);
        Assert.Equal(64, (await single!).ImageTokens);
        Assert.InRange(finishedAfter - finishedBefore, 0, 8);
    }

    [ModelFact]
    public async Task Two_series_take_turns()
    {
        using TextToImage model = small.Load(new TextToImageOptions { MaxBatch = 2 });
        GenerationOptions options = Coupled with { Size = SmallModel.Tiny };
        GenerationRequest[] requests = [.. Enumerable.Range(0, 20).Select(i => Fox with { Seed = (ulong)i })];
        var order = new ConcurrentQueue<int>();
        await Task.WhenAll(DrawAsync(1), DrawAsync(2)).WaitAsync(Long);

        // Each has begun to finish images long before the other's last.
        int[] series = [.. order];
        Assert.InRange(Array.IndexOf(series, 1), 0, 15);
        Assert.InRange(Array.IndexOf(series, 2), 0, 15);
        Assert.InRange(Array.LastIndexOf(series, 1), 25, 39);
        Assert.InRange(Array.LastIndexOf(series, 2), 25, 39);

        async Task DrawAsync(int number)
        {
            await foreach (IndexedImage image in model.GenerateManyAsync(requests, options))
                order.Enqueue(number);
        }
    }

    [ModelFact]
    public async Task A_call_inside_the_loop_over_a_series_does_not_dead_lock()
    {
        using TextToImage model = small.Load();
        GenerationOptions options = Coupled with { Size = SmallModel.Tiny };
        GenerationRequest[] requests = [.. Enumerable.Range(0, 24).Select(i => Fox with { Seed = (ulong)i })];
        int images = 0;
        await foreach (IndexedImage image in model.GenerateManyAsync(requests, options))
        {
            GeneratedImage again = await model.GenerateAsync(requests[image.Index], options).WaitAsync(Long);
            AssertSame(image.Image, again);
            images++;
        }

        Assert.Equal(24, images);
    }

    [ModelFact]
    public async Task Cancelling_one_image_does_not_change_the_others()
    {
        using TextToImage model = small.Load();
        GenerationRequest[] requests = [.. Enumerable.Range(0, 4).Select(i => Fox with { Seed = (ulong)i })];
        var alone = new List<GeneratedImage>();
        foreach (GenerationRequest request in requests)
            alone.Add(await model.GenerateAsync(request, Coupled));
        using var stop = new CancellationTokenSource();
        using var gate = new Gate();

        Task<GeneratedImage> first = model.GenerateAsync(requests[0], Coupled, gate);
        await gate.Reached;
        Task<GeneratedImage> cancelled = model.GenerateAsync(
            requests[1], Coupled, new Callback<GenerationProgress>(step =>
            {
                if (step.ForwardPasses == 4)
                    stop.Cancel();
            }),
            stop.Token);
        Task<GeneratedImage>[] others = [model.GenerateAsync(requests[2], Coupled), model.GenerateAsync(requests[3], Coupled)];
        gate.Open();

        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        Assert.Equal(stop.Token, error.CancellationToken);
        AssertSame(alone[0], await first);
        AssertSame(alone[2], await others[0]);
        AssertSame(alone[3], await others[1]);
    }

    [ModelFact]
    public async Task A_request_that_waits_is_cancelled_at_once()
    {
        using TextToImage model = small.Load(new TextToImageOptions { MaxBatch = 1 });
        using var stop = new CancellationTokenSource();
        using var gate = new Gate();
        Task<GeneratedImage> drawn = model.GenerateAsync(Fox, Coupled, gate);
        await gate.Reached;
        Task<GeneratedImage> waiting = model.GenerateAsync(Fox, Coupled, cancellationToken: stop.Token);
        Task<PassCostTable> measuring = model.MeasurePassCostsAsync(cancellationToken: stop.Token);
        Task<IndexedImage[]> series = GenerateManyTests.Collect(
            model.GenerateManyAsync([Fox, Fox], Coupled, cancellationToken: stop.Token));
        Assert.Equal(4, model.QueueLength);

        await stop.CancelAsync();

        // The drawing thread still stands at the gate.
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WaitAsync(Long));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => measuring.WaitAsync(Long));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => series.WaitAsync(Long));
        Assert.Equal((1, 0), (model.ImagesUnderWay, model.QueueLength));
        gate.Open();
        Assert.Equal(256, (await drawn).ImageTokens);
    }

    /// <summary>An exception of any type arrives as it was thrown.</summary>
    [ModelTheory]
    [InlineData(typeof(IOException))]
    [InlineData(typeof(InvalidOperationException))]
    [InlineData(typeof(OperationCanceledException))]
    public async Task A_progress_handler_that_throws_ends_its_own_image_alone(Type type)
    {
        using TextToImage model = small.Load();
        GeneratedImage alone = await model.GenerateAsync(Fox with { Seed = 4 }, Coupled);
        var thrown = (Exception)Activator.CreateInstance(type, "The window was closed.")!;
        using var gate = new Gate();
        Task<GeneratedImage> first = model.GenerateAsync(Fox with { Seed = 4 }, Coupled, gate);
        await gate.Reached;
        Task<GeneratedImage> failing = model.GenerateAsync(Fox, Coupled, new Callback<GenerationProgress>(step =>
        {
            if (step.ForwardPasses == 3)
                throw thrown;
        }));
        gate.Open();

        Assert.Same(thrown, await Record.ExceptionAsync(() => failing.WaitAsync(Long)));
        AssertSame(alone, await first);
        AssertSame(alone, await model.GenerateAsync(Fox with { Seed = 4 }, Coupled));
    }

    /// <summary>A method of the application's own.</summary>
    [ModelTheory]
    [InlineData(typeof(InvalidOperationException))]
    [InlineData(typeof(IndexOutOfRangeException))]
    public async Task A_method_that_throws_ends_its_own_image_alone(Type type)
    {
        using TextToImage model = small.Load();
        GeneratedImage alone = await model.GenerateAsync(Fox, Coupled);
        var thrown = (Exception)Activator.CreateInstance(type, "The method has a fault.")!;
        using var gate = new Gate();
        Task<GeneratedImage> beside = model.GenerateAsync(Fox, Coupled, gate);
        await gate.Reached;
        Task<GeneratedImage> failing = model.GenerateAsync(Fox, Coupled with { Method = new FaultyMethod(thrown) });
        gate.Open();

        Assert.Same(thrown, await Record.ExceptionAsync(() => failing.WaitAsync(Long)));
        AssertSame(alone, await beside);
        AssertSame(alone, await model.GenerateAsync(Fox, Coupled));
    }

    [ModelFact]
    public async Task A_progress_handler_of_a_series_that_throws_ends_the_series_and_no_other_image()
    {
        using TextToImage model = small.Load();
        GeneratedImage alone = await model.GenerateAsync(Fox, Coupled);
        var thrown = new IOException("The window was closed.");
        using var gate = new Gate();
        Task<GeneratedImage> first = model.GenerateAsync(Fox, Coupled, gate);
        await gate.Reached;
        Task<IndexedImage[]> series = GenerateManyTests.Collect(model.GenerateManyAsync(
            [Fox, Fox, Fox], Coupled, progress: new Callback<BatchProgress>(step => throw thrown)));
        gate.Open();

        Assert.Same(thrown, await Record.ExceptionAsync(() => series.WaitAsync(Long)));
        AssertSame(alone, await first);
        Assert.Equal((0, 0), (model.ImagesUnderWay, model.QueueLength));
    }

    /// <summary>No image of a failed pass can go on, because the caches may hold any part of what was fed. The model can.</summary>
    [ModelFact]
    public async Task A_graph_that_fails_ends_the_images_of_its_pass_and_the_model_draws_the_next_ones()
    {
        using var failing = new FailingModel();
        using TextToImage model = failing.Load();
        GeneratedImage alone = await model.GenerateAsync(FailingModel.Good, Coupled);
        int live = model.LiveTensors;

        var error = await Assert.ThrowsAsync<InferenceException>(() => model.GenerateAsync(FailingModel.Bad, Coupled));
        Messages.AssertReadable(error);
        Assert.StartsWith("transformer.fp32.onnx failed: ", error.Message, StringComparison.Ordinal);
        Assert.NotNull(error.InnerException);
        AssertSame(alone, await model.GenerateAsync(FailingModel.Good, Coupled));
        Assert.InRange(model.LiveTensors, 1, live + 8); // the bindings of the prompt's shape

        using var gate = new Gate();
        Task<GeneratedImage> beside = model.GenerateAsync(FailingModel.Good, Coupled, gate);
        await gate.Reached;
        Task<GeneratedImage> bad = model.GenerateAsync(FailingModel.Bad, Coupled);
        Task<GeneratedImage> behind = model.GenerateAsync(FailingModel.Good, Coupled with { Method = new ProactiveDrafting() });
        gate.Open();
        await Assert.ThrowsAsync<InferenceException>(() => bad.WaitAsync(Long));
        await Assert.ThrowsAsync<InferenceException>(() => beside.WaitAsync(Long));
        Assert.Equal(256, (await behind.WaitAsync(Long)).ImageTokens);
        AssertSame(alone, await model.GenerateAsync(FailingModel.Good, Coupled));
    }

    [ModelFact]
    public async Task Disposal_while_images_are_drawn_ends_every_call_with_ObjectDisposedException()
    {
        TextToImage model = small.Load(new TextToImageOptions { MaxBatch = 2 });
        using var gate = new Gate();
        Task drawn = model.GenerateAsync(Fox, Coupled, gate);
        await gate.Reached;
        Task[] calls =
        [
            drawn, model.GenerateAsync(Fox, Coupled), model.GenerateAsync(Fox, Coupled with { Method = new ProactiveDrafting() }),
            GenerateManyTests.Collect(model.GenerateManyAsync([Fox, Fox], Coupled)), ReadAsync(model.StreamAsync(Fox, Coupled)),
            model.MeasurePassCostsAsync(),
        ];

        Task disposal = model.DisposeAsync().AsTask();
        gate.Open();
        await disposal.WaitAsync(Long);

        foreach (Task call in calls)
            await Assert.ThrowsAsync<ObjectDisposedException>(() => call.WaitAsync(Long));
        Assert.Equal(0, model.LiveTensors);
        Assert.Equal((0, 0), (model.ImagesUnderWay, model.QueueLength));
    }

    private sealed record FaultyMethod(Exception Thrown) : IDecodingMethod
    {
        public MethodDescriptor Descriptor { get; } = new("faulty", "throws in the middle of an image", Exactness.Lossy, new Jacobi());

        public Verdict Verify(Window window, PassRandom random) => window.Start > 20 ? throw Thrown : new Jacobi().Verify(window, random);

        public void Redraft(Window window, PassRandom random) => new Jacobi().Redraft(window, random);
    }

    private static async Task ReadAsync(IAsyncEnumerable<GenerationEvent> events)
    {
        await foreach (GenerationEvent _ in events)
        {
            // only the end matters
        }
    }

    private static void AssertSame(GeneratedImage expected, GeneratedImage actual)
    {
        Assert.Equal(expected.TokenIds, actual.TokenIds);
        Assert.True(expected.Pixels.Rgb.Span.SequenceEqual(actual.Pixels.Rgb.Span));
        Assert.Equal(expected.ForwardPasses, actual.ForwardPasses);
    }
}
