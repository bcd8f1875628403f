using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Decoding;

public sealed class DecoderTests
{
    private static readonly TokenLayout Layout =
        new() { Rows = 6, Columns = 5, FirstCode = 4, Codes = 37, RowSuffix = [90], Suffix = [91] };

    private static readonly int[] WindowSizes = [0, 1, 2, 3, 7, 16, Layout.Length + 2];

    public static TheoryData<string> Methods() => [.. DecodingMethods.Names];

    public static TheoryData<string, string> MethodsAndInitialisations() => WithInitialisations(DecodingMethods.Names);

    // early-exit commits drafts that have not converged, greedy or not
    public static TheoryData<string, string> ConvergingMethodsAndInitialisations() =>
        WithInitialisations(DecodingMethods.Names.Where(name => name != "early-exit"));

    private static TheoryData<string, string> WithInitialisations(IEnumerable<string> methods)
    {
        var cells = new TheoryData<string, string>();
        foreach (string method in methods)
        {
            foreach (Initialisation initialisation in Initialisation.All)
                cells.Add(method, initialisation.Name);
        }

        return cells;
    }

    [Theory]
    [MemberData(nameof(ConvergingMethodsAndInitialisations))]
    public void At_temperature_0_every_window_draws_the_autoregressive_picture(string method, string initialisation)
    {
        var sampling = new SamplingOptions { Temperature = 0, Guidance = 2 };
        Decoded expected = Decode(new Autoregressive(), sampling);
        foreach (int size in WindowSizes)
        {
            Decoded decoded = Decode(Create(method, size, initialisation), sampling, new Randomness(Seed: (ulong)size));
            Assert.Equal(expected.Ids, decoded.Ids);

            // top-k of 1 is the same choice, made by another step of the chain
            Decoded single = Decode(Create(method, size, initialisation), sampling with { Temperature = 1, TopK = 1 }, new Randomness(Seed: (ulong)size));
            Assert.Equal(expected.Ids, single.Ids);
        }
    }

    [Theory]
    [InlineData(1, 0, 1)]
    [InlineData(3, 5, 1)]
    [InlineData(2, 0, 0.8)]
    public void With_one_Gumbel_vector_per_position_every_window_draws_the_autoregressive_picture(float guidance, int topK, float topP)
    {
        var sampling = new SamplingOptions { Guidance = guidance, TopK = topK, TopP = topP };
        for (uint image = 0; image < 20; image++)
        {
            var randomness = new Randomness(Seed: 99, image);
            Decoded expected = Decode(new Autoregressive(), sampling, randomness);
            foreach (int size in WindowSizes)
            {
                foreach (Initialisation initialisation in Initialisation.All)
                {
                    Assert.Equal(expected.Ids, Decode(Create("exact", size, initialisation.Name), sampling, randomness).Ids);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(MethodsAndInitialisations))]
    public void A_seed_and_an_image_name_a_picture(string method, string initialisation)
    {
        Decoded Draw(ulong seed, uint image) =>
            Decode(Create(method, 7, initialisation), new SamplingOptions(), new Randomness(seed, image));

        Decoded first = Draw(5, 1);
        Decoded again = Draw(5, 1);

        Assert.Equal(first.Ids, again.Ids);
        Assert.Equal(first.ForwardPasses, again.ForwardPasses);
        Assert.NotEqual(first.Ids, Draw(5, 2).Ids);
        Assert.NotEqual(first.Ids, Draw(6, 1).Ids);
    }

    [Theory]
    [MemberData(nameof(MethodsAndInitialisations))]
    public void Passes_tokens_and_calls_add_up(string method, string initialisation)
    {
        var model = new ToyModel(Layout) { ContextEffect = 0.5f };
        int[] before = new int[8];
        int committed = 0;
        Decoded decoded = new Decoder(Layout, Create(method, 7, initialisation), new SamplingOptions()).Decode(model, new Randomness(3), window =>
        {
            // the histogram says what the pass accepted; one more code and the structure that must follow come with it
            int[] after = window.AcceptedHistogram.ToArray();
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

    [Fact]
    public void Without_a_window_each_code_takes_a_pass()
    {
        foreach (string method in DecodingMethods.Names)
            Assert.Equal(Layout.ImageTokens - 1, Decode(Create(method, 0, "uniform"), new SamplingOptions()).ForwardPasses);
    }

    [Theory]
    [InlineData("sjd", 1)]
    [InlineData("jacobi", 0)]
    public void A_model_that_minds_no_context_takes_two_passes(string method, float temperature)
    {
        // the first pass finds out that the guesses were wrong, and predicts every position as it will remain
        var model = new ToyModel(Layout) { ContextEffect = 0 };
        var decoder = new Decoder(Layout, Create(method, Layout.Length, "uniform"), new SamplingOptions { Temperature = temperature });

        Assert.Equal(2, decoder.Decode(model, new Randomness(8)).ForwardPasses);
    }

    [Fact]
    public void Where_context_matters_little_speculation_saves_passes_and_matching_does_not()
    {
        int PassesOf(string method, uint image) =>
            Decode(Create(method, 16, "uniform"), new SamplingOptions(), new Randomness(1, image), contextEffect: 0.3f).ForwardPasses;
        int Passes(string method) => Enumerable.Range(0, 20).Sum(image => PassesOf(method, (uint)image));

        Assert.InRange(Passes("sjd"), 1, Passes("ar") / 3);
        Assert.InRange(Passes("jacobi"), Passes("ar") * 3 / 4, Passes("ar"));
    }

    [Theory]
    [MemberData(nameof(MethodsAndInitialisations))]
    public void The_loop_allocates_nothing(string method, string initialisation)
    {
        var sampling = new SamplingOptions { Guidance = 2, TopK = 9, TopP = 0.9f };
        var decoder = new Decoder(Layout, Create(method, 7, initialisation), sampling);
        var model = new ToyModel(Layout);
        var allocated = new long[Layout.Length];
        Action<Window> observer = window => allocated[window.Pass - 1] = GC.GetAllocatedBytesForCurrentThread();
        decoder.Decode(model, new Randomness(1), observer); // the first time costs what is made once

        int passes = decoder.Decode(model, new Randomness(2), observer).ForwardPasses;

        Assert.True(passes > 5);
        Assert.Equal(allocated[0], allocated[passes]);
    }

    [Fact]
    public void The_observer_sees_the_picture_grow()
    {
        var codes = new int[Layout.ImageTokens];
        var counts = new List<int>();
        Decoded decoded = new Decoder(Layout, Create("sjd", 7, "uniform"), new SamplingOptions()).Decode(
            new ToyModel(Layout), new Randomness(4), window => counts.Add(window.CopyCommittedCodes(codes)));

        Assert.Equal(counts.Order().Distinct(), counts);
        Assert.Equal(Layout.ImageTokens, counts[^1]);
        Assert.Equal(decoded.Codes, codes);
    }

    [Fact]
    public void Cancellation_comes_before_the_next_pass()
    {
        using var source = new CancellationTokenSource();
        var model = new ToyModel(Layout);
        var decoder = new Decoder(Layout, new Autoregressive(), new SamplingOptions());

        Assert.Throws<OperationCanceledException>(() => decoder.Decode(
            model, new Randomness(1), window => { if (window.ForwardPasses == 3) source.Cancel(); }, source.Token));
        Assert.Equal(4, model.Calls);
    }

    [Fact]
    public void A_model_serves_one_picture_after_another()
    {
        var model = new ToyModel(Layout);
        var decoder = new Decoder(Layout, Create("sjd", 7, "sample-left"), new SamplingOptions());
        Decoded alone = decoder.Decode(new ToyModel(Layout), new Randomness(1, Image: 1));

        decoder.Decode(model, new Randomness(1, Image: 0));

        Assert.Equal(alone.Ids, decoder.Decode(model, new Randomness(1, Image: 1)).Ids);
    }

    [Fact]
    public void A_picture_may_be_a_single_code()
    {
        var layout = new TokenLayout { Rows = 1, Columns = 1, FirstCode = 4, Codes = 3, RowSuffix = [90], Suffix = [91] };
        var decoder = new Decoder(layout, Create("sjd", 16, "uniform"), new SamplingOptions());

        Decoded decoded = decoder.Decode(new ToyModel(layout), new Randomness(1));

        Assert.Equal(0, decoded.ForwardPasses);
        Assert.Equal([90, 91], decoded.Ids.Skip(1));
    }

    [Fact]
    public void Model_and_layout_must_agree_on_the_codebook()
    {
        var decoder = new Decoder(Layout with { Codes = 36 }, new Autoregressive(), new SamplingOptions());

        var error = Assert.Throws<ArgumentException>(() => decoder.Decode(new ToyModel(Layout), new Randomness(1)));
        Assert.Contains("37 image codes, the token layout 36", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void One_lane_will_do_without_guidance()
    {
        Decoded both = Decode(new Autoregressive(), new SamplingOptions());
        Decoded one = new Decoder(Layout, new Autoregressive(), new SamplingOptions())
            .Decode(new ToyModel(Layout) { HasUnconditionalLane = false }, new Randomness(0));

        Assert.Equal(both.Ids, one.Ids);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Pictures_that_share_a_pass_are_those_drawn_alone(string method)
    {
        var sampling = new SamplingOptions { Guidance = 2 };
        var decoder = new Decoder(Layout, Create(method, 7, "sample-left"), sampling, new AutoWindow(RisingCosts));
        Decoded[] alone = [.. Enumerable.Range(0, 5).Select(image => decoder.Decode(new ToyModel(Layout), new Randomness(12, (uint)image)))];

        var pass = new SharedPass();
        var pictures = new List<Picture>();
        var open = new List<Picture>();
        while (open.Count > 0 || pictures.Count < alone.Length)
        {
            if (pictures.Count < alone.Length) // one after another they join, and leave when they are complete
            {
                pass.Models.Add(new ToyModel(Layout));
                pictures.Add(decoder.Begin(pass.Models[^1], new Randomness(12, (uint)pictures.Count)));
                open.Add(pictures[^1]);
            }

            decoder.Advance(pass, open);
            pass.Models.RemoveAll(model => open[pass.Models.IndexOf(model)].IsComplete);
            open.RemoveAll(picture => picture.IsComplete);
        }

        Assert.Equal(alone.Select(picture => picture.Ids), pictures.Select(picture => picture.ToDecoded().Ids));
        Assert.Equal(alone.Select(picture => picture.ForwardPasses), pictures.Select(picture => picture.ToDecoded().ForwardPasses));
    }

    [Fact]
    public void Neither_batch_nor_changing_windows_change_a_seed_exact_picture()
    {
        var sampling = new SamplingOptions { TopK = 20 };
        for (uint image = 0; image < 20; image++)
        {
            var randomness = new Randomness(31, image);
            var windows = new HashSet<int>();
            var decoder = new Decoder(Layout, Create("exact", 16, "uniform"), sampling, new AutoWindow(RisingCosts));
            Decoded decoded = decoder.Decode(new ToyModel(Layout) { ContextEffect = 0.7f }, randomness, window => windows.Add(window.Drafts));

            Assert.Equal(Decode(new Autoregressive(), sampling, randomness, contextEffect: 0.7f).Ids, decoded.Ids);
            Assert.True(windows.Count > 2, $"The window was never another: {string.Join(", ", windows)}.");
        }
    }

    [Fact]
    public void A_picture_says_how_many_drafts_its_passes_had()
    {
        Assert.Equal(0, Decode(new Autoregressive(), new SamplingOptions()).DraftsPerPass);

        var drafts = new List<int> { 0 };
        Decoded decoded = new Decoder(Layout, Create("sjd", 7, "uniform"), new SamplingOptions())
            .Decode(new ToyModel(Layout), new Randomness(2), window => drafts.Add(window.Drafts));
        Assert.Equal(drafts[1..^1].Average(), decoded.DraftsPerPass, 1e-9);
    }

    private static PassCosts RisingCosts { get; } = new([(0, 1), (1, 1.05), (2, 1.1), (4, 1.2), (8, 1.5), (16, 2)]);

    private static IDecodingMethod Create(string method, int window, string initialisation) =>
        DecodingMethods.Create(method, new DecodingOptions { WindowSize = window, Initialisation = Initialisation.Named(initialisation) });

    private static Decoded Decode(
        IDecodingMethod method, SamplingOptions sampling, Randomness randomness = default, float contextEffect = 1.5f) =>
        new Decoder(Layout, method, sampling).Decode(new ToyModel(Layout) { ContextEffect = contextEffect }, randomness);
}
