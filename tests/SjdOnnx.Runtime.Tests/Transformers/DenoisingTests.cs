using System.Text.Json.Nodes;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime.Transformers;
using SjdOnnx.Sampling;
using SjdOnnx.Windows;

namespace SjdOnnx.Runtime.Tests.Transformers;

/// <summary>sjd2 on the model that was fine-tuned to read noise.</summary>
public sealed class DenoisingTests : IDisposable
{
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox above a rocket on a blue background", Seed = 5 };
    private static readonly GenerationOptions Sjd2 = new() { Method = new SpeculativeDenoising(), Window = 32 };

    private readonly Lazy<TextToImage> _model =
        new(() => TextToImage.Load(TestModel.DenoisingFolder!, new TextToImageOptions { Threads = 1 }));

    private TextToImage Model => _model.Value;

    public void Dispose()
    {
        if (_model.IsValueCreated)
            _model.Value.Dispose();
    }

    [DenoisingFact]
    public void The_description_of_a_model_that_reads_noise_says_so()
    {
        Assert.True(Model.Model.Supports(SpeculativeDenoising.Descriptor));
        Assert.Same(SpeculativeDenoising.Descriptor, Model.Model.DefaultMethod);
        Assert.InRange(Model.Model.DefaultDenoisingSteps!.Value, 1, 8);
        Assert.InRange(Model.Model.Bytes, 1, 15_000_000);
    }

    [DenoisingFact]
    public async Task The_same_request_draws_the_same_image_and_other_steps_draw_another()
    {
        GeneratedImage one = await Model.GenerateAsync(Fox, WithSteps(1));
        GeneratedImage again = await Model.GenerateAsync(Fox, WithSteps(1));
        GeneratedImage three = await Model.GenerateAsync(Fox, WithSteps(3));

        Assert.Equal(one.TokenIds, again.TokenIds);
        Assert.NotEqual(one.TokenIds, three.TokenIds);
        Assert.Equal(new SpeculativeDenoising { DenoisingSteps = 3 }, three.Settings.Method);
        Assert.InRange(one.ForwardPasses, 10, 90); // of 255
        Assert.InRange(three.ForwardPasses, 10, 90);
    }

    /// <summary>Each image has its own noise, at every place of a batch, and prompts are read while other images read noise.</summary>
    [DenoisingTheory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task An_image_of_a_batch_is_the_image_drawn_alone(int steps)
    {
        GenerationRequest[] requests =
        [
            Fox, Fox with { Prompt = "a rocket", Seed = 6 }, Fox with { Seed = 7 },
            Fox with { Prompt = "a moon on a green background", Seed = 8 },
        ];
        var together = new Dictionary<int, int[]>();
        await foreach (IndexedImage image in Model.GenerateManyAsync(requests, WithSteps(steps), new GenerateManyOptions { MaxBatch = 2 }))
            together.Add(image.Index, [.. image.Image.TokenIds]);

        foreach ((int i, GenerationRequest request) in requests.Index())
            Assert.Equal((await Model.GenerateAsync(request, WithSteps(steps))).TokenIds, together[i]);
    }

    /// <summary>
    /// The window opens, closes and opens again. A slot begins with all steps whenever it is opened, and takes one in each pass that
    /// reads it.
    /// </summary>
    [DenoisingFact]
    public void A_slot_begins_with_all_steps_whenever_the_window_opens_again()
    {
        using OpenModel model = Open();
        var method = new SpeculativeDenoising { DenoisingSteps = 3 };
        // Costs of no real machine: with them the estimate moves the window between these sizes.
        var auto = new AutoWindow(new PassCosts([(0, 1), (2, 1.05), (6, 1.3), (12, 1.35), (32, 3)]), maxDrafts: 32);
        var decoder = new Decoder(model.Layout, method, new SamplingOptions { Guidance = 3 }, auto);
        Sequence sequence = decoder.Begin(model.Noisy(maxDrafts: 32, denoisingSteps: 3), new Randomness(4));
        var widths = new HashSet<int>();
        int[] before = [];
        int end = 0;
        while (!sequence.IsComplete)
        {
            Decoder.Advance(model.Transformer, [sequence]);
            Window window = sequence.Window;
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
    public async Task Without_a_number_of_steps_the_model_chooses_it_and_a_small_window_lowers_it()
    {
        using var copy = new ModelCopy(TestModel.DenoisingFolder!);
        copy.Edit(manifest => manifest["denoising"]!["steps"] = 5);
        using TextToImage model = TextToImage.Load(copy.Folder, new TextToImageOptions { Threads = 1 });

        Assert.Equal(5, StepsOf(await model.GenerateAsync(Fox, Sjd2)));
        Assert.Equal(4, StepsOf(await model.GenerateAsync(Fox, Sjd2 with { Window = 4 })));
        GeneratedImage sequential = await model.GenerateAsync(Fox, Sjd2 with { Window = 0 });
        Assert.Equal((1, 255), (StepsOf(sequential), sequential.ForwardPasses));

        static int? StepsOf(GeneratedImage image) => ((SpeculativeDenoising)image.Settings.Method).DenoisingSteps;
    }

    /// <summary>After a pass that read noise, the cache holds the codes and nothing else.</summary>
    [DenoisingFact]
    public void Noise_leaves_nothing_in_the_cache()
    {
        using OpenModel model = Open();
        int[] ids = [.. Enumerable.Range(0, 12).Select(model.Committed)];
        NoisyTransformer noisy = model.Noisy(maxDrafts: 16, denoisingSteps: 2);
        model.Prefill(noisy);
        noisy.FeedNoisy(ids, 12, [0, 0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2], new Randomness(3));
        model.Transformer.Run(default);
        noisy.Truncate(2);
        float[] after = OpenModel.Conditional(model.Forward(noisy, ids.AsSpan(2), 1), 0);

        PromptedTransformer fresh = model.With(model.Prompt(), 16);
        model.Prefill(fresh);
        model.Forward(fresh, ids.AsSpan(0, 2), 1);
        Assert.Equal(OpenModel.Conditional(model.Forward(fresh, ids.AsSpan(2), 1), 0), after);
    }

    /// <summary>
    /// Slots enter as noise and take a step in each pass. What is committed was read without noise, or follows such a slot.
    /// </summary>
    [DenoisingFact]
    public async Task A_trace_shows_how_the_window_denoises()
    {
        GeneratedImage image = await Model.GenerateAsync(Fox, WithSteps(3) with { Trace = true });
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
                before.StepsLeft.Skip(moved).Select(steps => Math.Max(0, steps - 1)),
                after.StepsLeft.Take(Math.Max(0, before.Drafts.Count - moved)));
            Assert.All(before.StepsLeft.Take(moved - 1), steps => Assert.Equal(0, steps));
        }

        Assert.Null((await Model.GenerateAsync(Fox, Sjd2)).Trace);
    }

    [DenoisingFact]
    public async Task Other_methods_draw_on_a_model_that_reads_noise_without_any()
    {
        GenerationOptions plain = Sjd2 with { Window = 8 };
        GenerationOptions exact = plain with { Method = new GumbelExact() };
        GeneratedImage sequential = await Model.GenerateAsync(Fox, exact with { Window = 0 });
        Assert.Equal(sequential.TokenIds, (await Model.GenerateAsync(Fox, exact)).TokenIds);
        Assert.Equal(256, (await Model.GenerateAsync(Fox, plain with { Method = new Autoregressive() })).ImageTokens);
        Assert.Equal(256, (await Model.GenerateAsync(Fox, plain with { Method = new ProactiveDrafting() })).ImageTokens);
    }

    [DenoisingTheory]
    [InlineData(33, "33 denoising steps in a window of 32 drafts")]
    [InlineData(1024, "1024 denoising steps in a window of 32 drafts")]
    public async Task More_denoising_steps_than_drafts_are_refused(int steps, string sentence)
    {
        var error = await Assert.ThrowsAsync<RequestException>(() => Model.GenerateAsync(Fox, WithSteps(steps)));
        Messages.AssertReadable(error);
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2000)]
    public void Denoising_steps_out_of_range_are_refused(int steps)
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new SpeculativeDenoising { DenoisingSteps = steps });
        Assert.Contains("denoising-steps must be 1 to 1024", error.Message, StringComparison.Ordinal);
    }

    [DenoisingFact]
    public void A_pass_that_reads_noise_allocates_nothing()
    {
        using OpenModel model = Open();
        NoisyTransformer noisy = model.Noisy(maxDrafts: 16, denoisingSteps: 2);
        model.Prefill(noisy);
        int[] ids = [.. Enumerable.Range(0, 16).Select(model.Committed)];
        int[] steps = [0, 0, .. Enumerable.Repeat(2, 14)];
        Assert.Equal(0, Allocations.Least(() =>
        {
            noisy.FeedNoisy(ids, 16, steps, new Randomness(3));
            model.Transformer.Run(default);
            noisy.Truncate(0);
        }));
    }

    /// <summary>The logits behind a row of noise are others; those before it are exactly the same.</summary>
    [DenoisingFact]
    public void Noise_changes_only_the_logits_behind_it()
    {
        using OpenModel model = Open();
        int[] ids = [.. Enumerable.Range(0, 12).Select(model.Committed)];
        float[][] plain = Rows(reader => reader.Feed(ids, 12, parents: []));
        float[][] clean = Rows(reader => reader.FeedNoisy(ids, 12, new int[12], new Randomness(3)));
        float[][] noisy = Rows(reader => reader.FeedNoisy(ids, 12, [0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0], new Randomness(3)));

        Assert.Equal(plain, clean);
        Assert.Equal(plain[..5], noisy[..5]);
        Assert.All(Enumerable.Range(5, 7), row => Assert.NotEqual(plain[row], noisy[row]));

        float[][] Rows(Action<NoisyTransformer> feed)
        {
            NoisyTransformer prompted = model.Noisy(maxDrafts: 16, denoisingSteps: 2);
            model.Prefill(prompted);
            feed(prompted);
            model.Transformer.Run(default);
            return [.. Enumerable.Range(0, 12).Select(row => OpenModel.Conditional(prompted.Logits, row))];
        }
    }

    [DenoisingFact]
    public void A_transformer_that_was_prepared_for_codes_alone_does_not_draw_with_noise()
    {
        using OpenModel model = Open();
        var decoder = new Decoder(model.Layout, new SpeculativeDenoising(), new SamplingOptions(), new FixedWindow(16));
        PromptedTransformer prompted = model.With(model.Prompt(), 16);
        var error = Assert.Throws<ArgumentException>(() => decoder.Begin(prompted, new Randomness(3)));
        Assert.Contains("sjd2 needs a model that reads noise", error.Message, StringComparison.Ordinal);
    }

    [DenoisingFact]
    public void A_denoising_section_that_the_graphs_do_not_match_is_refused()
    {
        using var copy = new ModelCopy(TestModel.DenoisingFolder!);
        copy.Edit(manifest => manifest["denoising"]!["hidden"] = 128);
        Assert.Contains("denoising of 128 channels", copy.LoadFails(Precision.Int8), StringComparison.Ordinal);

        copy.Edit(manifest =>
        {
            manifest["decoding"]!["method"] = "mc";
            manifest.Remove("denoising");
        });
        Assert.Contains("another input '", copy.LoadFails(Precision.Int8), StringComparison.Ordinal);

        copy.Edit(manifest => manifest["decoding"]!["method"] = "sjd2");
        Assert.Contains("defaults that cannot be used", copy.LoadFails(Precision.Int8), StringComparison.Ordinal);
    }

    [DenoisingFact]
    public void More_steps_in_model_json_than_drafts_in_its_window_are_refused_at_load()
    {
        using var copy = new ModelCopy(TestModel.DenoisingFolder!);
        copy.Edit(manifest => (manifest["denoising"]!["steps"], manifest["decoding"]!["window"]) = (9, 8));
        string message = copy.LoadFails(Precision.Int8);
        Assert.Contains("defaults that cannot be used", message, StringComparison.Ordinal);
        Assert.Contains("9 denoising steps in a window of 8 drafts", message, StringComparison.Ordinal);
    }

    /// <summary>Weights that fine-tuning damaged: the deviation by which embeddings are divided is not a number.</summary>
    [DenoisingFact]
    public async Task Embeddings_that_are_not_numbers_end_the_image_with_a_sentence()
    {
        using var copy = new ModelCopy(TestModel.DenoisingFolder!);
        JsonNode manifest = JsonNode.Parse(File.ReadAllText(copy.PathOf("model.json")))!;
        string graph = (string)manifest["transformer"]!["precisions"]!["int8"]!["graph"]!;
        copy.Replace(graph, WithDeviation(File.ReadAllBytes(copy.PathOf(graph)), float.NaN));
        using TextToImage model = TextToImage.Load(copy.Folder, new TextToImageOptions { Threads = 1 });

        var error = await Assert.ThrowsAsync<InferenceException>(() => model.GenerateAsync(Fox, Sjd2));
        Messages.AssertReadable(error);
        Assert.Contains("noisy embedding of position", error.Message, StringComparison.Ordinal);
    }

    private static GenerationOptions WithSteps(int steps) => Sjd2 with { Method = new SpeculativeDenoising { DenoisingSteps = steps } };

    private static OpenModel Open() => new(Precision.Int8, folder: TestModel.DenoisingFolder);

    /// <summary>
    /// Replaces the first value of the initializer denoising.std. Its values are stored beside its name, before or behind it, as 1 KiB.
    /// </summary>
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

        throw new InvalidOperationException("The graph has no initializer denoising.std.");
    }

    /// <summary>Field 9 of a tensor, 1,024 bytes long.</summary>
    private static ReadOnlySpan<byte> RawData => [0x4A, 0x80, 0x08];
}
