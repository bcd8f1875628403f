using System.Text.Json.Nodes;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime.Decoding;
using SjdOnnx.Runtime.Tests.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime.Tests;

/// <summary>sjd2 on the model that was fine-tuned to read noise.</summary>
public sealed class DenoisingTests : IDisposable
{
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox above a rocket on a blue background", Method = "sjd2", Window = 32, Seed = 5 };

    private readonly Lazy<TextToImage> _model = new(() => TextToImage.Load(TestModel.DenoisingFolder!, new TextToImageOptions { Threads = 1 }));

    private TextToImage Model => _model.Value;

    public void Dispose()
    {
        if (_model.IsValueCreated)
            _model.Value.Dispose();
    }

    [DenoisingFact]
    public void The_model_says_so()
    {
        Assert.Contains("sjd2", Model.Model.Methods);
        Assert.Equal("sjd2", Model.Model.DefaultMethod);
        Assert.InRange(Model.Model.DefaultDenoisingSteps!.Value, 1, 8);
        Assert.InRange(Model.Model.Bytes, 1, 15_000_000);
    }

    [DenoisingFact]
    public async Task Pictures_are_repeatable_and_depend_on_the_steps()
    {
        GeneratedImage one = await Model.GenerateAsync(Fox with { DenoisingSteps = 1 });
        GeneratedImage again = await Model.GenerateAsync(Fox with { DenoisingSteps = 1 });
        GeneratedImage three = await Model.GenerateAsync(Fox with { DenoisingSteps = 3 });

        Assert.Equal(one.TokenIds, again.TokenIds);
        Assert.NotEqual(one.TokenIds, three.TokenIds);
        Assert.Equal(new MethodSettings(DenoisingSteps: 3), three.Settings.MethodSettings);
        Assert.InRange(one.ForwardPasses, 10, 90); // of 255
        Assert.InRange(three.ForwardPasses, 10, 90);
    }

    /// <summary>Each picture has its own noise, wherever in a batch it is drawn, and prompts come in while others read noise.</summary>
    [DenoisingTheory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_picture_of_a_batch_is_the_picture_alone(int steps)
    {
        GenerationRequest fox = Fox with { DenoisingSteps = steps };
        GenerationRequest[] requests =
            [fox, fox with { Prompt = "a rocket", Seed = 6 }, fox with { Seed = 7 }, fox with { Prompt = "a moon on a green background", Seed = 8 }];
        var together = new Dictionary<int, int[]>();
        await foreach (IndexedImage image in Model.GenerateManyAsync(requests, new GenerateManyOptions { Batch = 2 }))
            together.Add(image.Index, [.. image.Image.TokenIds]);

        foreach ((int i, GenerationRequest request) in requests.Index())
            Assert.Equal((await Model.GenerateAsync(request)).TokenIds, together[i]);
    }

    /// <summary>
    /// A window that opens, closes and opens again: a slot begins with all steps whenever it is opened, and takes one in each pass that reads it.
    /// </summary>
    [DenoisingFact]
    public void A_window_may_open_and_close()
    {
        using var model = new OpenModel("int8", folder: TestModel.DenoisingFolder);
        var method = new SpeculativeDenoising(new DecodingOptions { WindowSize = 32, DenoisingSteps = 3 });
        // Of no machine: what the estimate says moves the window between these.
        var auto = new AutoWindow(new PassCosts([(0, 1), (2, 1.05), (6, 1.3), (12, 1.35), (32, 3)]));
        var decoder = new Decoder(model.Layout, method, new SamplingOptions { Guidance = 3 }, auto);
        PromptedTransformer prompted = model.Transformer.With(model.Prompt(), model.Layout, 32, denoisingSteps: 3);
        Picture picture = decoder.Begin(prompted, new Randomness(4));
        var widths = new HashSet<int>();
        int[] before = [];
        int end = 0;
        while (!picture.IsComplete)
        {
            decoder.Advance(model.Transformer, [picture]);
            Window window = picture.Window;
            for (int position = window.Start; position < window.End; position++)
            {
                if (window.Layout.IsForced(position))
                    Assert.Equal(0, window.Step(position));
                else if (position >= end)
                    Assert.Equal(3, window.Step(position));
                else
                    Assert.Equal(Math.Max(0, before[position] - 1), window.Step(position));
            }

            before = [.. Enumerable.Range(0, window.Layout.Length).Select(window.Step)];
            end = window.End;
            widths.Add(window.Drafts);
        }

        Assert.True(widths.Count > 2, string.Join(' ', widths));
    }

    [DenoisingFact]
    public async Task The_models_own_steps_make_way_for_a_small_window()
    {
        using var copy = new ModelCopy(TestModel.DenoisingFolder!);
        copy.Edit(manifest => manifest["denoising"]!["steps"] = 5);
        using TextToImage model = TextToImage.Load(copy.Folder, new TextToImageOptions { Threads = 1 });

        Assert.Equal(4, (await model.GenerateAsync(Fox with { Window = 4 })).Settings.MethodSettings!.DenoisingSteps);
        Assert.Equal(5, (await model.GenerateAsync(Fox)).Settings.MethodSettings!.DenoisingSteps);
        Assert.Equal(255, (await model.GenerateAsync(Fox with { Window = 0 })).ForwardPasses);
    }

    /// <summary>What is read as noise is forgotten: the cache then holds the codes and nothing else.</summary>
    [DenoisingFact]
    public void Noise_leaves_nothing_in_the_cache()
    {
        using var model = new OpenModel("int8", folder: TestModel.DenoisingFolder);
        int[] ids = [.. Enumerable.Range(0, 12).Select(model.Committed)];
        PromptedTransformer noisy = model.Transformer.With(model.Prompt(), model.Layout, 16, denoisingSteps: 2);
        noisy.Prefill();
        noisy.FeedNoisy(ids, 12, [0, 0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2], new Randomness(3));
        model.Transformer.Run(default);
        noisy.Truncate(2);
        float[] after = OpenModel.Conditional(noisy.Forward(ids.AsSpan(2), 1), 0);

        PromptedTransformer fresh = model.Transformer.With(model.Prompt(), model.Layout, 16);
        fresh.Prefill();
        fresh.Forward(ids.AsSpan(0, 2), 1);
        Assert.Equal(OpenModel.Conditional(fresh.Forward(ids.AsSpan(2), 1), 0), after);
    }

    /// <summary>Slots enter as noise, each pass takes a step, and what is committed was a draft without noise or follows one.</summary>
    [DenoisingFact]
    public async Task A_trace_shows_the_window_denoise()
    {
        GeneratedImage image = await Model.GenerateAsync(Fox with { DenoisingSteps = 3, Trace = true });
        PassTrace[] passes = [.. image.Trace!];

        Assert.Equal(image.ForwardPasses + 1, passes.Length);
        Assert.Equal(1, passes[0].Committed);
        Assert.All(passes[0].StepsLeft, steps => Assert.Equal(3, steps));
        Assert.Equal(256, passes[^1].Committed);
        foreach ((PassTrace before, PassTrace after) in passes.Zip(passes.Skip(1)))
        {
            Assert.Equal(after.Drafts.Count, after.StepsLeft.Count);
            int moved = after.Committed - before.Committed;
            Assert.Equal(
                before.StepsLeft.Skip(moved).Select(steps => Math.Max(0, steps - 1)), after.StepsLeft.Take(Math.Max(0, before.Drafts.Count - moved)));
            Assert.All(before.StepsLeft.Take(moved - 1), steps => Assert.Equal(0, steps));
        }

        Assert.Null((await Model.GenerateAsync(Fox)).Trace);
    }

    [DenoisingFact]
    public async Task All_other_methods_read_no_noise()
    {
        GenerationRequest plain = Fox with { Window = 8, DenoisingSteps = 2 };
        int[] ar = [.. (await Model.GenerateAsync(plain with { Method = "ar" })).TokenIds];
        Assert.Equal(ar, (await Model.GenerateAsync(plain with { Method = "exact" })).TokenIds);
        Assert.Equal(256, (await Model.GenerateAsync(plain with { Method = "pac" })).ImageTokens);
    }

    [DenoisingTheory]
    [InlineData(0, "between 1 and 1024")]
    [InlineData(33, "33 denoising steps in a window of 32 drafts")]
    [InlineData(2000, "between 1 and 1024")]
    public async Task Steps_out_of_range_are_refused(int steps, string sentence)
    {
        var error = await Assert.ThrowsAsync<RequestException>(() => Model.GenerateAsync(Fox with { DenoisingSteps = steps }));
        Messages.AssertReadable(error);
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }

    [DenoisingFact]
    public void A_pass_that_reads_noise_allocates_nothing()
    {
        using var model = new OpenModel("int8", folder: TestModel.DenoisingFolder);
        PromptedTransformer prompted = model.Transformer.With(model.Prompt(), model.Layout, 16, denoisingSteps: 2);
        prompted.Prefill();
        int[] ids = [.. Enumerable.Range(0, 16).Select(model.Committed)];
        int[] steps = [0, 0, .. Enumerable.Repeat(2, 14)];
        Assert.Equal(0, Allocations.Least(() =>
        {
            prompted.FeedNoisy(ids, 16, steps, new Randomness(3));
            model.Transformer.Run(default);
            prompted.Truncate(0);
        }));
    }

    /// <summary>Behind a row of noise logits are others; before it they are the very same.</summary>
    [DenoisingFact]
    public void Noise_changes_what_comes_after_it_alone()
    {
        using var model = new OpenModel("int8", folder: TestModel.DenoisingFolder);
        int[] ids = [.. Enumerable.Range(0, 12).Select(model.Committed)];
        float[][] plain = Rows(prompted => prompted.Feed(ids, 12, parents: []));
        float[][] clean = Rows(prompted => prompted.FeedNoisy(ids, 12, new int[12], new Randomness(3)));
        float[][] noisy = Rows(prompted => prompted.FeedNoisy(ids, 12, [0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0], new Randomness(3)));

        Assert.Equal(plain, clean);
        Assert.Equal(plain[..5], noisy[..5]);
        Assert.All(Enumerable.Range(5, 7), row => Assert.NotEqual(plain[row], noisy[row]));

        float[][] Rows(Action<PromptedTransformer> feed)
        {
            PromptedTransformer prompted = model.Transformer.With(model.Prompt(), model.Layout, 16, denoisingSteps: 2);
            prompted.Prefill();
            feed(prompted);
            model.Transformer.Run(default);
            return [.. Enumerable.Range(0, 12).Select(row => OpenModel.Conditional(prompted.Logits, row))];
        }
    }

    [DenoisingFact]
    public void A_model_made_ready_for_codes_refuses_noise()
    {
        using var model = new OpenModel("int8", folder: TestModel.DenoisingFolder);
        PromptedTransformer prompted = model.Transformer.With(model.Prompt(), model.Layout, 16);
        prompted.Prefill();
        Assert.Throws<NotSupportedException>(() => prompted.FeedNoisy([model.Code(1)], 1, [1], new Randomness(3)));
    }

    [DenoisingFact]
    public void A_section_and_graphs_that_disagree_are_refused()
    {
        using var copy = new ModelCopy(TestModel.DenoisingFolder!);
        copy.Edit(manifest => manifest["denoising"]!["hidden"] = 128);
        Assert.Contains("denoising of 128 channels", copy.LoadFails("int8"), StringComparison.Ordinal);

        copy.Edit(manifest =>
        {
            manifest["decoding"]!["method"] = "mc";
            manifest.Remove("denoising");
        });
        Assert.Contains("another input '", copy.LoadFails("int8"), StringComparison.Ordinal);

        copy.Edit(manifest => manifest["decoding"]!["method"] = "sjd2");
        Assert.Contains("defaults that cannot be used", copy.LoadFails("int8"), StringComparison.Ordinal);
    }

    [DenoisingFact]
    public void More_steps_in_the_folder_than_drafts_in_its_window_are_refused_at_load()
    {
        using var copy = new ModelCopy(TestModel.DenoisingFolder!);
        copy.Edit(manifest => (manifest["denoising"]!["steps"], manifest["decoding"]!["window"]) = (9, 8));
        string message = copy.LoadFails("int8");
        Assert.Contains("defaults that cannot be used", message, StringComparison.Ordinal);
        Assert.Contains("9 denoising steps in a window of 8 drafts", message, StringComparison.Ordinal);
    }

    /// <summary>Weights that fine-tuning spoilt: the deviation by which embeddings are divided is no number.</summary>
    [DenoisingFact]
    public async Task Embeddings_that_are_no_numbers_end_the_picture_with_a_sentence()
    {
        using var copy = new ModelCopy(TestModel.DenoisingFolder!);
        string graph = (string)JsonNode.Parse(File.ReadAllText(copy.PathOf("model.json")))!["transformer"]!["precisions"]!["int8"]!["graph"]!;
        copy.Replace(graph, WithDeviation(File.ReadAllBytes(copy.PathOf(graph)), float.NaN));
        using TextToImage model = TextToImage.Load(copy.Folder, new TextToImageOptions { Threads = 1 });

        var error = await Assert.ThrowsAnyAsync<InvalidOperationException>(() => model.GenerateAsync(Fox));
        Messages.AssertReadable(error);
        Assert.Contains("noisy embedding of position", error.Message, StringComparison.Ordinal);
    }

    /// <summary>The initialiser called denoising.std is stored as its values followed by its name, or the other way round: the values are the 1 KiB beside it.</summary>
    private static byte[] WithDeviation(byte[] graph, float value)
    {
        int name = graph.AsSpan().IndexOf("denoising.std"u8);
        while (name >= 0)
        {
            int values = graph.AsSpan(name).IndexOf(RawData);
            if (values is >= 0 and < 64)
            {
                BitConverter.TryWriteBytes(graph.AsSpan(name + values + RawData.Length), value);
                return graph;
            }

            int next = graph.AsSpan(name + 1).IndexOf("denoising.std"u8);
            name = next < 0 ? -1 : name + 1 + next;
        }

        throw new InvalidOperationException("The graph has no initialiser denoising.std.");
    }

    /// <summary>Field 9 of a tensor, 1,024 bytes long.</summary>
    private static ReadOnlySpan<byte> RawData => [0x4A, 0x80, 0x08];
}
