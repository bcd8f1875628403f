using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;
using SjdOnnx.Windows;

namespace SjdOnnx.Tests.Decoding;

public sealed class DecoderTests
{
    private static readonly TokenLayout Layout =
        new() { Rows = 6, Columns = 5, FirstCode = 4, Codes = 37, RowSuffix = [90], Suffix = [91] };

    private static readonly int[] WindowSizes = [0, 1, 2, 3, 7, 16, Layout.Length + 2];

    public static TheoryData<string> Methods() => [.. DecodingMethods.BuiltIn.Names];

    public static TheoryData<string, string> MethodsAndInitializations() => WithInitializations(DecodingMethods.BuiltIn.Names);

    // early-exit commits drafts that have not converged, at temperature 0 too
    public static TheoryData<string, string> ConvergingMethodsAndInitializations() =>
        WithInitializations(DecodingMethods.BuiltIn.Names.Where(name => name != "early-exit"));

    private static TheoryData<string, string> WithInitializations(IEnumerable<string> methods)
    {
        var cells = new TheoryData<string, string>();
        foreach (string method in methods)
        {
            foreach (Initialization initialization in Initialization.All)
                cells.Add(method, initialization.Name);
        }

        return cells;
    }

    [Theory]
    [MemberData(nameof(ConvergingMethodsAndInitializations))]
    public void At_temperature_0_every_window_draws_the_autoregressive_image(string method, string initialization)
    {
        var sampling = new SamplingOptions { Temperature = 0, Guidance = 2 };
        DecodedSequence expected = Decode(Autoregressive(sampling));
        foreach (int size in WindowSizes)
        {
            var randomness = new Randomness(Seed: (ulong)size);
            Assert.Equal(expected.Ids, Decode(Create(method, size, initialization, sampling), randomness).Ids);

            // a top-k of 1 is the same choice, made by another step of the chain
            SamplingOptions single = sampling with { Temperature = 1, TopK = 1 };
            Assert.Equal(expected.Ids, Decode(Create(method, size, initialization, single), randomness).Ids);
        }
    }

    [Theory]
    [InlineData(1, 0, 1)]
    [InlineData(3, 5, 1)]
    [InlineData(2, 0, 0.8)]
    public void With_one_Gumbel_vector_per_position_every_window_draws_the_autoregressive_image(float guidance, int topK, float topP)
    {
        var sampling = new SamplingOptions { Guidance = guidance, TopK = topK, TopP = topP };
        for (uint image = 0; image < 20; image++)
        {
            var randomness = new Randomness(Seed: 99, image);
            DecodedSequence expected = Decode(Autoregressive(sampling), randomness);
            foreach (int size in WindowSizes)
            {
                foreach (Initialization initialization in Initialization.All)
                    Assert.Equal(expected.Ids, Decode(Create("exact", size, initialization.Name, sampling), randomness).Ids);
            }
        }
    }

    [Theory]
    [MemberData(nameof(MethodsAndInitializations))]
    public void The_seed_and_the_image_number_determine_the_image(string method, string initialization)
    {
        DecodedSequence Draw(ulong seed, uint image) => Decode(Create(method, 7, initialization), new Randomness(seed, image));

        DecodedSequence first = Draw(5, 1);
        DecodedSequence again = Draw(5, 1);

        Assert.Equal(first.Ids, again.Ids);
        Assert.Equal(first.ForwardPasses, again.ForwardPasses);
        Assert.NotEqual(first.Ids, Draw(5, 2).Ids);
        Assert.NotEqual(first.Ids, Draw(6, 1).Ids);
    }

    [Theory]
    [MemberData(nameof(MethodsAndInitializations))]
    public void Passes_tokens_and_calls_of_the_model_add_up(string method, string initialization)
    {
        var model = new ToyModel(Layout) { ContextEffect = 0.5f };
        int[] before = new int[8];
        int committed = 0;
        DecodedSequence decoded = Create(method, 7, initialization).Decode(model, new Randomness(3), window =>
        {
            // The histogram says how many drafts the pass accepted. One more code and the structure that must follow come with them.
            int[] after = new int[8];
            window.Statistics.AcceptedHistogram.CopyTo(after);
            int accepted = after.Zip(before, (now, then) => now - then).ToList().IndexOf(1);
            Assert.Equal(window.Pass == 1, accepted < 0);
            int structure = committed + Math.Max(0, accepted) + 1;
            Assert.All(Enumerable.Range(structure, window.Start - structure), position => Assert.True(Layout.IsForced(position)));
            Assert.Equal(window.IsComplete, Layout.IsForced(window.Start));
            (before, committed) = (after, window.Start);
        });

        Assert.Equal(Layout.Length, committed);
        Assert.Equal(decoded.ForwardPasses + 1, model.Calls);
        Assert.Equal(decoded.ForwardPasses, decoded.AcceptedHistogram.Sum());
        Assert.Equal(Layout.ImageTokens, decoded.Codes.Count);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Without_drafts_each_code_takes_a_pass(string method)
    {
        DecodedSequence decoded = Decode(Create(method, 0));

        Assert.Equal(Layout.ImageTokens - 1, decoded.ForwardPasses);
        Assert.Equal(0, decoded.DraftsPerPass);
    }

    [Fact]
    public void A_method_without_drafts_ignores_the_window()
    {
        DecodedSequence without = Decode(Create("ar", 0));
        DecodedSequence with = Decode(Create("ar", 16, "repeat-left"));

        Assert.Equal(without.Ids, with.Ids);
        Assert.Equal(0, with.DraftsPerPass);
    }

    [Theory]
    [InlineData("sjd", 1)]
    [InlineData("jacobi", 0)]
    public void A_model_without_a_context_effect_takes_two_passes(string method, float temperature)
    {
        // the first pass rejects the first guesses, and predicts every position as it will remain
        var model = new ToyModel(Layout) { ContextEffect = 0 };
        Decoder decoder = Create(method, Layout.Length, sampling: new SamplingOptions { Temperature = temperature });

        Assert.Equal(2, decoder.Decode(model, new Randomness(8)).ForwardPasses);
    }

    [Fact]
    public void Where_the_context_matters_little_sjd_saves_passes_and_jacobi_does_not()
    {
        int Passes(string method) => Enumerable.Range(0, 20)
            .Sum(image => Decode(Create(method, 16), new Randomness(1, (uint)image), contextEffect: 0.3f).ForwardPasses);

        Assert.InRange(Passes("sjd"), 1, Passes("ar") / 3);
        Assert.InRange(Passes("jacobi"), Passes("ar") * 3 / 4, Passes("ar"));
    }

    [Theory]
    [MemberData(nameof(MethodsAndInitializations))]
    public void The_loop_allocates_nothing(string method, string initialization)
    {
        Decoder decoder = Create(method, 7, initialization, new SamplingOptions { Guidance = 2, TopK = 9, TopP = 0.9f });
        var model = new ToyModel(Layout);
        var allocated = new long[Layout.Length];
        Action<Window> observer = window => allocated[window.Pass - 1] = GC.GetAllocatedBytesForCurrentThread();
        decoder.Decode(model, new Randomness(1), observer); // the first image pays for what is allocated only once

        int passes = decoder.Decode(model, new Randomness(2), observer).ForwardPasses;

        Assert.True(passes > 5);
        Assert.Equal(allocated[0], allocated[passes]);
    }

    [Fact]
    public void The_observer_sees_the_image_grow()
    {
        var codes = new int[Layout.ImageTokens];
        var counts = new List<int>();
        DecodedSequence decoded = Create("sjd", 7).Decode(
            new ToyModel(Layout), new Randomness(4), window => counts.Add(window.CopyCommittedCodes(codes)));

        Assert.Equal(counts.Order().Distinct(), counts);
        Assert.Equal(Layout.ImageTokens, counts[^1]);
        Assert.Equal(decoded.Codes, codes);
    }

    [Fact]
    public void Cancellation_takes_effect_before_the_next_pass()
    {
        using var source = new CancellationTokenSource();
        var model = new ToyModel(Layout);

        Assert.Throws<OperationCanceledException>(() => Create("ar", 0).Decode(
            model, new Randomness(1), window => { if (window.Statistics.ForwardPasses == 3) source.Cancel(); }, source.Token));
        Assert.Equal(4, model.Calls);
    }

    [Fact]
    public void A_model_serves_one_image_after_another()
    {
        var model = new ToyModel(Layout);
        Decoder decoder = Create("sjd", 7, "sample-left");
        DecodedSequence alone = decoder.Decode(new ToyModel(Layout), new Randomness(1, Image: 1));

        decoder.Decode(model, new Randomness(1, Image: 0));

        Assert.Equal(alone.Ids, decoder.Decode(model, new Randomness(1, Image: 1)).Ids);
    }

    [Fact]
    public void An_image_may_be_a_single_code()
    {
        var layout = new TokenLayout { Rows = 1, Columns = 1, FirstCode = 4, Codes = 3, RowSuffix = [90], Suffix = [91] };
        var decoder = new Decoder(layout, new SpeculativeJacobi(), new SamplingOptions(), new FixedWindow(16));

        DecodedSequence decoded = decoder.Decode(new ToyModel(layout), new Randomness(1));

        Assert.Equal(0, decoded.ForwardPasses);
        Assert.Equal([90, 91], decoded.Ids.Skip(1));
    }

    [Fact]
    public void A_model_of_another_codebook_is_refused()
    {
        var decoder = new Decoder(Layout with { Codes = 36 }, new Autoregressive(), new SamplingOptions(), new FixedWindow(0));

        var error = Assert.Throws<ArgumentException>(() => decoder.Decode(new ToyModel(Layout), new Randomness(1)));
        Assert.Contains("37 image codes, the token layout 36", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_denoising_method_is_refused_for_a_model_that_reads_no_noise()
    {
        var model = new ModelWithoutNoise(new ToyModel(Layout));

        var error = Assert.Throws<ArgumentException>(() => Create("sjd2", 7).Begin(model, new Randomness(1)));
        Assert.Contains("The method sjd2 needs a model that reads noise", error.Message, StringComparison.Ordinal);
        Assert.False(Create("mc", 7).Begin(model, new Randomness(1)).IsComplete); // other methods accept the model
    }

    [Fact]
    public void Without_guidance_a_model_needs_no_unconditional_lane()
    {
        DecodedSequence both = Decode(Create("ar", 0));
        DecodedSequence one = Create("ar", 0).Decode(new ToyModel(Layout) { HasUnconditionalLane = false }, new Randomness(0));

        Assert.Equal(both.Ids, one.Ids);
    }

    [Fact]
    public void A_sequence_that_is_not_complete_has_no_result()
    {
        var model = new ToyModel(Layout);
        Sequence sequence = Create("ar", 0).Begin(model, new Randomness(1));
        Decoder.Advance(model, [sequence]);

        var error = Assert.Throws<InvalidOperationException>(() => sequence.ToDecoded());
        Assert.Contains($"1 of {Layout.Length} tokens are committed", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Images_that_share_a_pass_equal_those_drawn_alone(string method)
    {
        var sampling = new SamplingOptions { Guidance = 2 };
        Decoder decoder = Create(method, new AutoWindow(RisingCosts, 16, MaxBranches(method, 16)), "sample-left", sampling);
        DecodedSequence[] alone =
            [.. Enumerable.Range(0, 5).Select(image => decoder.Decode(new ToyModel(Layout), new Randomness(12, (uint)image)))];

        DecodedSequence[] together = DecodeTogether(
            Enumerable.Range(0, 5).Select(image => (decoder, new ToyModel(Layout), new Randomness(12, (uint)image))));

        Assert.Equal(alone.Select(image => image.Ids), together.Select(image => image.Ids));
        Assert.Equal(alone.Select(image => image.ForwardPasses), together.Select(image => image.ForwardPasses));
    }

    [Fact]
    public void Decoders_of_different_methods_layouts_sampling_and_windows_share_a_pass()
    {
        (Decoder Decoder, Func<ToyModel> CreateModel, Randomness Randomness)[] images =
            [.. DecodingMethods.BuiltIn.All.SelectMany((method, i) => Differing(method.Default, i))];
        DecodedSequence[] alone = [.. images.Select(image => image.Decoder.Decode(image.CreateModel(), image.Randomness))];

        DecodedSequence[] together =
            DecodeTogether(images.Select(image => (image.Decoder, image.CreateModel(), image.Randomness)));

        Assert.Equal(alone.Select(image => image.Ids), together.Select(image => image.Ids));
        Assert.Equal(alone.Select(image => image.ForwardPasses), together.Select(image => image.ForwardPasses));
        Assert.Equal(alone.Select(image => image.AcceptedHistogram), together.Select(image => image.AcceptedHistogram));

        // three images of each method: they differ in size, codebook, structure, sampling, windows and first guess
        static IEnumerable<(Decoder, Func<ToyModel>, Randomness)> Differing(IDecodingMethod method, int number)
        {
            int branches = (method as ITreeMethod)?.MaxBranches(16) ?? 0;
            (TokenLayout Layout, SamplingOptions Sampling, IWindowPolicy Windows)[] settings =
            [
                (Layout, new SamplingOptions { Guidance = 2 }, new FixedWindow(7)),
                (new TokenLayout { Rows = 3, Columns = 8, FirstCode = 0, Codes = 11 }, new SamplingOptions { TopK = 5 },
                    new AutoWindow(RisingCosts, 16, branches)),
                (new TokenLayout { Rows = 9, Columns = 2, FirstCode = 50, Codes = 64, RowSuffix = [1, 2], Suffix = [3] },
                    new SamplingOptions { Temperature = 0.7f, TopP = 0.9f }, new SequentialParts(new FixedWindow(5), 3, 2)),
            ];
            foreach ((int i, (TokenLayout layout, SamplingOptions sampling, IWindowPolicy windows)) in settings.Index())
            {
                Initialization initialization = Initialization.All[(number + i) % Initialization.All.Count];
                yield return (
                    new Decoder(layout, method, sampling, windows, initialization), () => new ToyModel(layout),
                    new Randomness((ulong)number, (uint)i));
            }
        }
    }

    [Fact]
    public void Changing_windows_do_not_change_a_seed_exact_image()
    {
        var sampling = new SamplingOptions { TopK = 20 };
        for (uint image = 0; image < 20; image++)
        {
            var randomness = new Randomness(31, image);
            var windows = new HashSet<int>();
            DecodedSequence decoded = Create("exact", new AutoWindow(RisingCosts, 16), "uniform", sampling).Decode(
                new ToyModel(Layout) { ContextEffect = 0.7f }, randomness, window => windows.Add(window.Drafts));

            Assert.Equal(Decode(Autoregressive(sampling), randomness, contextEffect: 0.7f).Ids, decoded.Ids);
            Assert.True(windows.Count > 2, $"The window did not change: {string.Join(", ", windows)}.");
        }
    }

    [Fact]
    public void A_result_tells_the_mean_number_of_drafts_per_pass()
    {
        var drafts = new List<int> { 0 };
        DecodedSequence decoded = Create("sjd", 7).Decode(new ToyModel(Layout), new Randomness(2), window => drafts.Add(window.Drafts));

        Assert.Equal(drafts[1..^1].Average(), decoded.DraftsPerPass, 1e-9);
    }

    private static PassCosts RisingCosts { get; } = new([(0, 1), (1, 1.05), (2, 1.1), (4, 1.2), (8, 1.5), (16, 2)]);

    private static Decoder Autoregressive(SamplingOptions sampling) => Create("ar", 0, sampling: sampling);

    private static int MaxBranches(string method, int drafts) =>
        (DecodingMethods.BuiltIn[method].Default as ITreeMethod)?.MaxBranches(drafts) ?? 0;

    private static Decoder Create(string method, int window, string initialization = "uniform", SamplingOptions? sampling = null) =>
        Create(method, new FixedWindow(window), initialization, sampling ?? new SamplingOptions());

    private static Decoder Create(string method, IWindowPolicy windows, string initialization, SamplingOptions sampling) =>
        new(Layout, DecodingMethods.BuiltIn[method].Default, sampling, windows, Initialization.Parse(initialization));

    private static DecodedSequence Decode(Decoder decoder, Randomness randomness = default, float contextEffect = 1.5f) =>
        decoder.Decode(new ToyModel(Layout) { ContextEffect = contextEffect }, randomness);

    /// <summary>The images join the pass one after another, and leave it when they are complete.</summary>
    private static DecodedSequence[] DecodeTogether(IEnumerable<(Decoder Decoder, ToyModel Model, Randomness Randomness)> images)
    {
        var pass = new SharedPass();
        var all = new List<Sequence>();
        var open = new List<Sequence>();
        using IEnumerator<(Decoder Decoder, ToyModel Model, Randomness Randomness)> waiting = images.GetEnumerator();
        bool joins;
        while ((joins = waiting.MoveNext()) || open.Count > 0)
        {
            if (joins)
            {
                pass.Models.Add(waiting.Current.Model);
                all.Add(waiting.Current.Decoder.Begin(waiting.Current.Model, waiting.Current.Randomness));
                open.Add(all[^1]);
            }

            Decoder.Advance(pass, open);
            for (int i = open.Count - 1; i >= 0; i--)
            {
                if (!open[i].IsComplete)
                    continue;
                open.RemoveAt(i);
                pass.Models.RemoveAt(i);
            }
        }

        return [.. all.Select(sequence => sequence.ToDecoded())];
    }

    private sealed class ModelWithoutNoise(ToyModel model) : IPromptedModel
    {
        public int Codes => model.Codes;

        public Logits Logits => model.Logits;

        public void FeedPrompt() => model.FeedPrompt();

        public void Feed(ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> parents) => model.Feed(ids, rows, parents);

        public void Truncate(int length) => model.Truncate(length);
    }
}
