using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Runtime.Tests;

public sealed class AutoWindowTests : IDisposable
{
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox above a rocket", Seed = 7, Window = WindowSize.Auto };

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"sjdonnx-{Guid.NewGuid():N}");

    [ModelFact]
    public async Task A_table_is_measured_once_and_kept()
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
        Assert.Equal((1, 1, "cpu", "fp32"), (measured.Pictures, measured.Threads, measured.Provider, measured.Precision));
        Assert.NotEmpty(measured.Processor);
        Assert.Equal(0, measured.Costs[0].Drafts);
        Assert.InRange(measured.Costs.Count, 5, 13); // as many windows as there was time for
        Assert.Equal(measured.Costs.OrderBy(cost => cost.Drafts), measured.Costs);
        Assert.Equal(measured.Costs.OrderBy(cost => cost.Seconds), measured.Costs);
        Assert.All(measured.Costs, cost => Assert.InRange(cost.Seconds, 1e-5, 60));

        Assert.False((await again.MeasurePassCostsAsync(again: true)).WasKept);
    }

    [ModelFact]
    public async Task Tables_are_those_of_the_graphs_for_batches()
    {
        using TextToImage model = Load();
        PassCostTable table = await model.MeasurePassCostsAsync(pictures: 3);
        Assert.Equal(4, table.Pictures);
        Assert.Same(table, await model.MeasurePassCostsAsync(pictures: 4));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => model.MeasurePassCostsAsync(pictures: 0));
    }

    /// <summary>Measuring uses the caches and leaves no trace in them; and what is chosen does not change what is drawn.</summary>
    [ModelFact]
    public async Task A_seed_exact_method_draws_the_picture_of_ar_whatever_is_chosen()
    {
        using TextToImage model = Load();
        GeneratedImage ar = await model.GenerateAsync(Fox with { Method = "ar" });
        GeneratedImage auto = await model.GenerateAsync(Fox with { Method = "exact" });
        IndexedImage[] together = await ManyTests.Collect(
            model.GenerateManyAsync([Fox with { Method = "exact" }, Fox with { Method = "exact", Seed = 8 }]));

        Assert.Equal(ar.TokenIds, auto.TokenIds);
        Assert.Equal(ar.TokenIds, together.Single(image => image.Index == 0).Image.TokenIds);
        Assert.InRange(auto.ForwardPasses, 1, ar.ForwardPasses);
    }

    /// <summary>
    /// The table of one picture is used whatever the batch, so that pictures do not depend on the company they are drawn in.
    /// </summary>
    [ModelFact]
    public async Task Another_method_draws_the_same_picture_alone_in_a_batch_and_in_another_process()
    {
        GenerationRequest request = Fox with { Method = "mc" };
        GeneratedImage alone;
        using (TextToImage model = Load())
            alone = await model.GenerateAsync(request);
        using TextToImage other = Load();
        IndexedImage[] together = await ManyTests.Collect(other.GenerateManyAsync([request, request with { Seed = 8 }]));

        Assert.Equal(alone.TokenIds, together.Single(image => image.Index == 0).Image.TokenIds);
        Assert.Equal(alone.ForwardPasses, together.Single(image => image.Index == 0).Image.ForwardPasses);
    }

    [ModelFact]
    public async Task Settings_and_the_picture_say_auto()
    {
        using TextToImage model = Load();
        GeneratedImage image = await model.GenerateAsync(Fox with { Method = "mc" });
        Assert.True(image.Settings.Window.IsAuto);

        GenerationData data = GenerationData.Of(image);
        Assert.Contains("\"window\":\"auto\"", data.ToJson(), StringComparison.Ordinal);
        Assert.Equal(WindowSize.Auto, GenerationData.FromJson(data.ToJson()).Request.Window);
        Assert.Contains("Window: auto", ParametersText.Of(data), StringComparison.Ordinal);

        Assert.Equal(0, (await model.GenerateAsync(Fox with { Method = "ar" })).Settings.Window); // which has no drafts
    }

    [ModelFact]
    public async Task Without_a_folder_it_works_as_well()
    {
        using TextToImage model = Load("");
        PassCostTable table = await model.MeasurePassCostsAsync();
        Assert.Null(table.File);
        Assert.Equal(256, (await model.GenerateAsync(Fox with { Method = "mc" })).ImageTokens);
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

    private TextToImage Load(string? folder = null) =>
        TextToImage.Load(TestModel.Folder!, new TextToImageOptions { Precision = "fp32", Threads = 1, CacheFolder = folder ?? _folder });
}
