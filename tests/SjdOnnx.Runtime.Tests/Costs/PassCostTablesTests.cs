using SjdOnnx.Methods;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Runtime.Tests.Costs;

public sealed class PassCostTablesTests : IDisposable
{
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox above a rocket", Seed = 7 };
    private static readonly GenerationOptions Exact = new() { Method = new GumbelExact(), Window = WindowSize.Auto };
    private static readonly GenerationOptions Coupled = Exact with { Method = new MaximalCoupling() };

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"sjdonnx-{Guid.NewGuid():N}");

    [ModelFact]
    public async Task A_table_is_measured_once_and_kept_in_the_cache_folder()
    {
        PassCostTable measured, same;
        using (TextToImage model = Load())
        {
            measured = await model.MeasurePassCostsAsync();
            same = await model.MeasurePassCostsAsync();
        }
        using TextToImage again = Load();
        PassCostTable kept = await again.MeasurePassCostsAsync();

        Assert.Same(measured, same);
        Assert.False(measured.WasKept);
        Assert.True(kept.WasKept);
        Assert.Equal(measured.Costs, kept.Costs);
        Assert.True(File.Exists(measured.File));
        Assert.Equal(
            (1, 1, ExecutionProvider.Cpu, Precision.Fp32), (measured.Images, measured.Threads, measured.Provider, measured.Precision));
        Assert.NotEmpty(measured.Processor);
        Assert.Equal(0, measured.Costs[0].Drafts);
        Assert.InRange(measured.Costs.Count, 5, 13); // as many windows as there was time for
        Assert.Equal(measured.Costs.OrderBy(cost => cost.Drafts), measured.Costs);
        Assert.Equal(measured.Costs.OrderBy(cost => cost.Duration), measured.Costs);
        Assert.All(measured.Costs, cost => Assert.InRange(cost.Duration, TimeSpan.FromMicroseconds(10), TimeSpan.FromMinutes(1)));

        Assert.False((await again.MeasurePassCostsAsync(again: true)).WasKept);
    }

    [ModelFact]
    public async Task The_table_of_three_images_is_that_of_the_graph_for_four()
    {
        using TextToImage model = Load();
        PassCostTable table = await model.MeasurePassCostsAsync(images: 3);
        Assert.Equal(4, table.Images);
        Assert.Same(table, await model.MeasurePassCostsAsync(images: 4));
    }

    /// <summary>Measuring uses the caches and leaves no trace in them, and the window that is chosen does not change the image.</summary>
    [ModelFact]
    public async Task With_an_automatic_window_exact_draws_the_image_that_it_draws_without_drafts()
    {
        using TextToImage model = Load();
        GeneratedImage sequential = await model.GenerateAsync(Fox, Exact with { Window = 0 });
        GeneratedImage auto = await model.GenerateAsync(Fox, Exact);
        IndexedImage[] together = await GenerateManyTests.Collect(model.GenerateManyAsync([Fox, Fox with { Seed = 8 }], Exact));

        Assert.Equal(sequential.TokenIds, auto.TokenIds);
        Assert.Equal(sequential.TokenIds, together.Single(image => image.Index == 0).Image.TokenIds);
        Assert.InRange(auto.ForwardPasses, 1, sequential.ForwardPasses);
    }

    /// <summary>The table of one image is used in every batch, so that no image depends on the others that are drawn.</summary>
    [ModelFact]
    public async Task With_an_automatic_window_other_methods_draw_the_same_image_alone_in_a_batch_and_in_another_process()
    {
        GeneratedImage alone;
        using (TextToImage model = Load())
            alone = await model.GenerateAsync(Fox, Coupled);
        using TextToImage other = Load();
        IndexedImage[] together = await GenerateManyTests.Collect(other.GenerateManyAsync([Fox, Fox with { Seed = 8 }], Coupled));

        Assert.Equal(alone.TokenIds, together.Single(image => image.Index == 0).Image.TokenIds);
        Assert.Equal(alone.ForwardPasses, together.Single(image => image.Index == 0).Image.ForwardPasses);
    }

    [ModelFact]
    public async Task The_settings_and_the_generation_data_say_auto()
    {
        using TextToImage model = Load();
        GeneratedImage image = await model.GenerateAsync(Fox, Coupled);
        Assert.True(image.Settings.Window.IsAuto);

        GenerationData data = GenerationData.Of(image);
        Assert.Contains("\"window\":\"auto\"", data.ToJson(), StringComparison.Ordinal);
        Assert.Equal(WindowSize.Auto, GenerationData.FromJson(data.ToJson()).Request.Window);
        Assert.Contains("Window: auto", ParametersText.Of(data), StringComparison.Ordinal);

        GeneratedImage withoutDrafts = await model.GenerateAsync(Fox, Exact with { Method = new Autoregressive() });
        Assert.Equal(0, withoutDrafts.Settings.Window);
    }

    /// <summary>The measurement uses the caches, so it begins when the image under way is finished.</summary>
    [ModelFact]
    public async Task A_measurement_waits_for_the_images_under_way_and_leaves_them_as_they_are()
    {
        using TextToImage model = Load("");
        var options = new GenerationOptions { Method = new MaximalCoupling(), Window = 8 };
        GeneratedImage alone = await model.GenerateAsync(Fox, options);
        Task<PassCostTable>? measuring = null;
        bool measuredBeforeTheEnd = false;

        GeneratedImage image = await model.GenerateAsync(Fox, options, new Callback<GenerationProgress>(step =>
        {
            if (step.ForwardPasses == 3)
                measuring = model.MeasurePassCostsAsync();
            measuredBeforeTheEnd |= measuring is { IsCompleted: true };
        }));

        Assert.False((await measuring!).WasKept);
        Assert.False(measuredBeforeTheEnd);
        Assert.Equal(alone.TokenIds, image.TokenIds);
    }

    /// <summary>Its window needs a table, which can only be measured when the image under way is finished.</summary>
    [ModelFact]
    public async Task An_image_with_an_automatic_window_that_arrives_while_another_is_drawn_is_the_image_drawn_alone()
    {
        var fixedWindow = new GenerationOptions { Method = new MaximalCoupling(), Window = 8 };
        GeneratedImage alone, first;
        using (TextToImage other = Load())
            alone = await other.GenerateAsync(Fox, Coupled); // keeps the table
        using TextToImage model = Load();
        Task<GeneratedImage>? second = null;
        first = await model.GenerateAsync(Fox, fixedWindow, new Callback<GenerationProgress>(step =>
            second ??= model.GenerateAsync(Fox, Coupled)));

        GeneratedImage joined = await second!;
        Assert.Equal(alone.TokenIds, joined.TokenIds);
        Assert.Equal((await model.GenerateAsync(Fox, fixedWindow)).TokenIds, first.TokenIds);
    }

    /// <summary>
    /// An image that waits for a measurement steps the image under way. If that one's caller cancels it in the middle of a pass, the pass
    /// is stopped, but the measurement that follows must not be.
    /// </summary>
    [ModelFact]
    public async Task Cancelling_the_image_under_way_does_not_end_the_image_that_waits_for_a_measurement()
    {
        for (int attempt = 0; attempt < 5; attempt++)
        {
            using TextToImage model = Load("");
            using var stop = new CancellationTokenSource();
            Task<GeneratedImage>? waiting = null;
            Task<GeneratedImage> cancelled = model.GenerateAsync(
                Fox, new GenerationOptions { Method = new Autoregressive() }, new Callback<GenerationProgress>(step =>
                {
                    waiting ??= model.GenerateAsync(Fox, Coupled);
                    if (step.ForwardPasses == 10)
                        stop.CancelAfter(TimeSpan.FromMilliseconds(1 + attempt)); // at no particular place of a pass
                    if (step.ForwardPasses == 200)
                        stop.Token.WaitHandle.WaitOne(); // the timer is late on a busy machine
                }),
                stop.Token);

            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
            Assert.Equal(256, (await waiting!.WaitAsync(TimeSpan.FromMinutes(1))).ImageTokens);
        }
    }

    [ModelFact]
    public async Task An_image_that_waits_for_a_measurement_can_be_cancelled_while_another_is_drawn()
    {
        using TextToImage model = Load("");
        using var stop = new CancellationTokenSource();
        Task<GeneratedImage>? waiting = null;
        bool endedBeforeTheOther = false;
        GeneratedImage image = await model.GenerateAsync(
            Fox, new GenerationOptions { Method = new Autoregressive() }, new Callback<GenerationProgress>(step =>
            {
                waiting ??= model.GenerateAsync(Fox, Coupled, progress: null, stop.Token);
                if (step.ForwardPasses == 10)
                    stop.Cancel();
                endedBeforeTheOther = waiting.IsCompleted;
            }));

        Assert.Equal(256, image.ImageTokens);
        Assert.True(endedBeforeTheOther);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting!);
    }

    [ModelFact]
    public async Task Without_a_cache_folder_a_table_is_measured_and_not_kept()
    {
        using TextToImage model = Load("");
        PassCostTable table = await model.MeasurePassCostsAsync();
        Assert.Null(table.File);
        Assert.Equal(256, (await model.GenerateAsync(Fox, Coupled)).ImageTokens);
    }

    [ModelFact]
    public async Task Measuring_can_be_cancelled()
    {
        using TextToImage model = Load("");
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => model.MeasurePassCostsAsync(cancellationToken: stop.Token));
        Assert.NotNull(await model.MeasurePassCostsAsync());
    }

    public void Dispose()
    {
        if (Directory.Exists(_folder))
            Directory.Delete(_folder, recursive: true);
    }

    private TextToImage Load(string? cache = null) => TextToImage.Load(
        TestModel.Folder!, new TextToImageOptions { Precision = Precision.Fp32, Threads = 1, CacheFolder = cache ?? _folder });
}
