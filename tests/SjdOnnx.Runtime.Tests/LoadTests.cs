using System.Collections.Concurrent;
using System.Text.Json.Nodes;

namespace SjdOnnx.Runtime.Tests;

public sealed class LoadTests : IDisposable
{
    private static readonly TextToImageOptions Fp32 = new() { Precision = Precision.Fp32, Threads = 1 };
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox", Seed = 3 };

    private readonly string _folder = Directory.CreateTempSubdirectory("sjdonnx-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [ModelFact]
    public async Task Loading_reports_the_bytes_that_are_verified_and_the_graphs_that_are_opened()
    {
        var steps = new ConcurrentQueue<LoadProgress>();
        TextToImageOptions options = Fp32 with { HashVerification = HashVerification.Always };
        await using TextToImage model = await TextToImage.LoadAsync(
            TestModel.Folder!, options, new Callback<LoadProgress>(steps.Enqueue));

        LoadProgress last = steps.Last();
        Assert.Equal((last.BytesToVerify, last.GraphsToOpen), (last.BytesVerified, last.GraphsOpened));
        Assert.Equal(2, last.GraphsToOpen);
        Assert.InRange(last.BytesToVerify, 1_000_000, model.Model.Bytes);
        Assert.Equal(steps.Select(step => step.BytesVerified).Order(), steps.Select(step => step.BytesVerified));
        Assert.Equal(steps.Select(step => step.GraphsOpened).Order(), steps.Select(step => step.GraphsOpened));
        Assert.Equal(256, (await model.GenerateAsync(Fox)).ImageTokens);
    }

    [ModelFact]
    public async Task Loading_without_a_change_verifies_no_bytes()
    {
        var steps = new ConcurrentQueue<LoadProgress>();
        using var copy = new ModelCopy();
        Age(copy.Folder);
        TextToImageOptions options = Fp32 with { CacheFolder = _folder };
        TextToImage.Load(copy.Folder, options).Dispose();
        await using TextToImage model = await TextToImage.LoadAsync(copy.Folder, options, new Callback<LoadProgress>(steps.Enqueue));

        Assert.Equal((0, 2), (steps.Last().BytesToVerify, steps.Last().GraphsOpened));
    }

    /// <summary>The hash explains why the graph does not open, even if that is noticed earlier.</summary>
    [ModelFact]
    public async Task A_wrong_hash_is_named_even_if_a_damaged_graph_fails_before_it_is_computed()
    {
        using var copy = new ModelCopy();
        byte[] graph = File.ReadAllBytes(copy.PathOf("image_decoder.onnx"));
        graph.AsSpan(0, 1000).Fill(0xFF);
        File.WriteAllBytes(copy.OwnFile("image_decoder.onnx"), graph);
        var slow = new Callback<LoadProgress>(step => Thread.Sleep(step is { BytesVerified: > 0, GraphsOpened: 0 } ? 500 : 0));

        var error = await Assert.ThrowsAsync<ModelException>(
            () => TextToImage.LoadAsync(copy.Folder, Fp32 with { HashVerification = HashVerification.Always }, slow));
        Assert.Contains("its SHA-256 is", error.Message, StringComparison.Ordinal);
    }

    /// <summary>A file of 64 GB without any data on the disk takes a minute to hash.</summary>
    [ModelFact(UnixOnly = true)]
    public async Task Loading_can_be_cancelled_while_hashes_are_compared()
    {
        const long Bytes = 1L << 36;
        using var copy = new ModelCopy();
        using (FileStream file = File.Create(copy.PathOf("huge.data")))
            file.SetLength(Bytes);
        copy.Edit(manifest =>
        {
            manifest["files"]!["huge.data"] = new JsonObject { ["sha256"] = new string('0', 64), ["bytes"] = Bytes };
            manifest["files"]!["image_decoder.onnx"]!["weights"] = new JsonArray("huge.data");
        });
        using var stop = new CancellationTokenSource();
        LoadProgress? last = null;
        var progress = new Callback<LoadProgress>(step =>
        {
            last = step;
            if (step.BytesVerified > 1 << 26)
                stop.Cancel();
        });

        Task<TextToImage> loading = TextToImage.LoadAsync(copy.Folder, Fp32, progress, stop.Token);
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => loading.WaitAsync(TimeSpan.FromMinutes(1)));

        Assert.Equal(stop.Token, error.CancellationToken);
        Assert.InRange(last!.BytesVerified, 1 << 26, Bytes / 2);
    }

    [ModelFact]
    public async Task Loading_with_a_token_that_is_cancelled_already_does_not_begin()
    {
        var steps = new ConcurrentQueue<LoadProgress>();
        var cancelled = new CancellationToken(canceled: true);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => TextToImage.LoadAsync(TestModel.Folder!, Fp32, new Callback<LoadProgress>(steps.Enqueue), cancelled));
        Assert.Empty(steps);
    }

    /// <summary>ONNX Runtime writes a profile for each session whose options ask for one.</summary>
    [ModelFact]
    public async Task The_callback_for_session_options_changes_the_options_of_every_session()
    {
        int calls = 0;
        TextToImageOptions options = Fp32 with
        {
            ConfigureSession = session =>
            {
                session.ProfileOutputPathPrefix = Path.Combine(_folder, $"session-{Interlocked.Increment(ref calls)}");
                session.EnableProfiling = true;
            },
        };
        await using (TextToImage model = await TextToImage.LoadAsync(TestModel.Folder!, options))
        {
            Assert.Equal(2, calls); // the transformer and the image decoder
            await model.GenerateAsync(Fox);
            await GenerateManyTests.Collect(model.GenerateManyAsync([Fox, Fox]));
            Assert.Equal(3, calls); // and the graph for two images
        }

        string[] profiles = Directory.GetFiles(_folder);
        Assert.Equal(3, profiles.Length);
        Assert.All(profiles, profile => Assert.Contains("model_run", File.ReadAllText(profile), StringComparison.Ordinal));
    }

    /// <summary>20,000 threads would wait for each other without end.</summary>
    [ModelFact]
    public async Task More_threads_than_processors_are_lowered_to_the_processors()
    {
        using TextToImage model = TextToImage.Load(TestModel.Folder!, new TextToImageOptions { Threads = 20_000 });
        GeneratedImage image = await model.GenerateAsync(Fox).WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(Environment.ProcessorCount, image.Settings.Threads);
        Assert.Equal(Environment.ProcessorCount, (await model.MeasurePassCostsAsync()).Threads);
    }

    [ModelFact]
    public async Task Zero_threads_are_the_physical_cores()
    {
        using TextToImage model = TextToImage.Load(TestModel.Folder!);
        Assert.Equal(Processor.PhysicalCores(), (await model.GenerateAsync(Fox)).Settings.Threads);
    }

    [ModelFact]
    public void Loading_opens_the_graph_for_the_expected_batch()
    {
        var opened = new ConcurrentQueue<object>();
        TextToImageOptions options = Fp32 with { ExpectedBatch = 4, ConfigureSession = opened.Enqueue };
        using TextToImage model = TextToImage.Load(TestModel.Folder!, options);
        Assert.Equal(2, opened.Count);
    }

    [Fact]
    public void Options_out_of_range_are_refused_with_the_range()
    {
        Refused(() => new TextToImageOptions { Threads = -1 }, "Threads must be 0 or more");
        Refused(() => new TextToImageOptions { MaxBatch = 0 }, "MaxBatch must be 1 or more");
        Refused(() => new TextToImageOptions { MaxQueueLength = 0 }, "MaxQueueLength must be 1 or more");
        Refused(() => new TextToImageOptions { ExpectedBatch = 0 }, "ExpectedBatch must be 1 or more");
        Refused(() => new GenerateManyOptions { MaxBatch = 0 }, "MaxBatch must be 1 or more");

        static void Refused(Func<object> make, string sentence) =>
            Assert.Contains(sentence, Assert.Throws<ArgumentOutOfRangeException>(make).Message, StringComparison.Ordinal);
    }

    /// <summary>Files that have just changed are not remembered.</summary>
    private static void Age(string folder)
    {
        foreach (string file in Directory.GetFiles(folder))
            File.SetLastWriteTimeUtc(file, new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc));
    }
}
