using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;
using SjdOnnx.Windows;

namespace SjdOnnx.Tests.Windows;

public sealed class AutoWindowTests
{
    private static readonly TokenLayout Layout =
        new() { Rows = 16, Columns = 16, FirstCode = 4, Codes = 37, RowSuffix = [90], Suffix = [91] };

    // the built-in model at fp32 on two cores, in milliseconds
    private static readonly PassCosts Small =
        new([(0, 0.96), (1, 1.15), (2, 1.27), (4, 1.5), (8, 2.12), (16, 3.04), (32, 4.84), (64, 8.4)]);
    private static readonly PassCosts Free = new([(0, 1), (4, 1), (16, 1.01), (64, 1.02)]);
    private static readonly PassCosts Rising = new([(0, 1), (64, 4.2)]);
    private static readonly PassCosts Dear = new([(0, 1), (1, 2), (64, 65)]);

    [Theory]
    [InlineData("mc", 0.3f, 8)]
    [InlineData("mc", 0.3f, 32)]
    [InlineData("exact", 0.6f, 16)]
    [InlineData("sjd", 0.3f, 16)]
    [InlineData("pac", 0.6f, 16)]
    public void The_tokens_per_pass_that_a_window_promises_come_about(string method, float contextEffect, int window)
    {
        (int passes, int expectations, double expected) = (0, 0, 0);
        for (uint image = 0; image < 10; image++)
        {
            passes += Decode(Create(method), new FixedWindow(window), contextEffect, image, (seen, _) =>
            {
                if (seen.CommittedCodes < Layout.ImageTokens / 4)
                    return; // what is known of drafts in general still outweighs the tests
                expected += AutoWindow.TokensPerPass(window, seen.Statistics.Survival);
                expectations++;
            }).ForwardPasses;
        }

        double tokens = 10 * Layout.ImageTokens / (double)passes;
        Assert.InRange(expected / expectations, tokens * 0.8, tokens * 1.2);
    }

    [Fact]
    public void A_window_of_no_drafts_commits_one_token() => Assert.Equal(1, AutoWindow.TokensPerPass(0, new DraftSurvival()));

    [Theory]
    [InlineData("mc", 0.3f)]
    [InlineData("mc", 1f)]
    [InlineData("exact", 0.6f)]
    [InlineData("jacobi", 0.3f)]
    [InlineData("jacobi", 1.5f)] // hopeless: nothing is faster than a window of no drafts
    [InlineData("pac", 0.6f)]
    [InlineData("gumbel", 1.5f)]
    public void Chosen_windows_are_about_as_fast_as_the_best_one_and_never_much_slower_than_none(string method, float contextEffect)
    {
        double auto = Seconds(Create(method), Auto(Small, Create(method)), contextEffect, Small);
        double[] fixedWindows =
            [.. Small.Drafts.Select(drafts => Seconds(Create(method), new FixedWindow(drafts), contextEffect, Small))];

        Assert.InRange(auto, 0, 1.15 * fixedWindows.Min());
        Assert.InRange(auto, 0, 1.06 * fixedWindows[0]); // however the drafts fare
    }

    [Fact]
    public void Drafts_that_cost_nothing_are_taken_and_expensive_ones_are_not()
    {
        Assert.InRange(Decode(Create("mc"), Auto(Free, Create("mc")), 0.3f, 1).DraftsPerPass, 30, 64);
        Assert.InRange(Decode(Create("jacobi"), Auto(Dear, Create("jacobi")), 1, 1).DraftsPerPass, 0, 0.3);
    }

    [Theory]
    [InlineData(3)] // less than any measured window but 0
    [InlineData(20)] // between two of them
    [InlineData(200)] // more than the largest
    public void The_chosen_window_is_limited_by_its_maximum_and_by_the_largest_measured_window(int window)
    {
        var costs = new PassCosts([(0, 1), (8, 1.01), (64, 1.02)]);
        int most = 0;
        Decode(Create("mc"), new AutoWindow(costs, window), 0.1f, 1, (seen, _) => most = Math.Max(most, seen.Drafts));

        Assert.Equal(Math.Min(window, 64), most);
    }

    [Theory]
    [InlineData(1, 0)] // drafts that cost a pass each
    [InlineData(0.25, 1)]
    [InlineData(0.16, 4)]
    [InlineData(0.115, 8)]
    [InlineData(0.07, 16)]
    [InlineData(0.001, 64)]
    public void The_first_window_is_the_fastest_one_for_the_drafts_of_most_models(double costOfDraft, int window)
    {
        var costs = new PassCosts([.. Small.Drafts.Select(drafts => (drafts, 1 + (costOfDraft * drafts)))]);
        Assert.Equal(window, Windows(Create("mc"), costs)[0]);
    }

    [Fact]
    public void From_pass_to_pass_a_window_is_halved_doubled_or_kept()
    {
        foreach (List<int> windows in (List<int>[])[Windows(new Standing(false), Small), Windows(new Standing(true), Rising)])
        {
            Assert.InRange(windows.Distinct().Count(), 2, 8);
            Assert.All(windows.Zip(windows.Skip(1)), pair => Assert.Contains(
                pair.Second, (int[])[pair.First / 2, pair.First, Math.Max(1, 2 * pair.First)]));
        }
    }

    [Fact]
    public void Where_drafts_never_stand_an_image_ends_without_drafts_and_where_they_always_do_with_wide_windows()
    {
        List<int> never = Windows(new Standing(false), Small);
        Assert.Equal((4, 0), (never[0], never[^1]));
        List<int> always = Windows(new Standing(true), Rising);
        Assert.Equal((16, 64), (always[0], always[^1]));
    }

    /// <summary>The parts at the beginning that are drawn one code at a time say nothing about drafts.</summary>
    [Fact]
    public void The_first_window_after_a_part_without_drafts_is_that_of_an_image_without_such_a_part()
    {
        List<int> windows = Windows(Create("mc"), Small, static auto => new SequentialParts(auto, first: 20, last: 0));
        Assert.Equal(0, windows[0]);
        Assert.Equal(Windows(Create("mc"), Small)[0], windows.First(static drafts => drafts > 0));
    }

    [Fact]
    public void A_pass_has_at_least_the_fewest_drafts_and_at_most_the_most()
    {
        var seen = new HashSet<int>();
        foreach ((string method, PassCosts costs, float contextEffect) in
            (IEnumerable<(string, PassCosts, float)>)[("mc", Small, 0.3f), ("mc", Dear, 0.3f), ("jacobi", Small, 1.5f)])
        {
            Decode(Create(method), new AutoWindow(costs, 64, narrowest: 8), contextEffect, 1, (window, _) => Add(window));
            Decode(Create(method), new AutoWindow(costs, 4, narrowest: 8), contextEffect, 1, (window, _) => Add(window));
        }

        Assert.Contains(8, seen);
        Assert.All(seen, static drafts => Assert.True(drafts is 4 or >= 8, $"a window of {drafts}"));

        void Add(Window window)
        {
            if (window.RequestedDrafts is { } drafts)
                seen.Add(drafts);
        }
    }

    [Fact]
    public void Branches_cost_as_much_as_drafts()
    {
        var pac = new ProactiveDrafting { Branching = new Branching(8, 8) };
        Assert.Equal(7 + 63, pac.MaxBranches(64));

        var costs = new PassCosts([(0, 1), (8, 1.5), (64, 40), (134, 90)]);
        Assert.Equal(0, Decode(pac, Auto(costs, pac), 0.3f, 1).DraftsPerPass);
        Assert.InRange(Decode(Create("mc"), Auto(costs, Create("mc")), 0.3f, 1).DraftsPerPass, 4, 16);
    }

    /// <summary>The drafts of each pass of an image, without those at its end, where there is less room.</summary>
    private static List<int> Windows(IDecodingMethod method, PassCosts costs, Func<AutoWindow, IWindowPolicy>? within = null)
    {
        List<int> chosen = [];
        AutoWindow auto = Auto(costs, method);
        var decoder = new Decoder(Layout, method, new SamplingOptions(), within?.Invoke(auto) ?? auto);
        decoder.Decode(new ToyModel(Layout) { ContextEffect = 0.3f }, new Randomness(1), window =>
        {
            if (window.RequestedDrafts == window.Drafts)
                chosen.Add(window.Drafts);
        });
        return chosen;
    }

    /// <summary>All drafts stand, or none does.</summary>
    private sealed class Standing(bool always) : IDecodingMethod
    {
        MethodDescriptor IDecodingMethod.Descriptor => MaximalCoupling.Descriptor;

        public Verdict Verify(Window window, PassRandom random) => new(always ? window.Drafts : 0, Next: 0);
    }

    private static AutoWindow Auto(PassCosts costs, IDecodingMethod method) =>
        new(costs, maxDrafts: 64, (method as ITreeMethod)?.MaxBranches(64) ?? 0);

    private static double Seconds(IDecodingMethod method, IWindowPolicy windows, float contextEffect, PassCosts costs)
    {
        double seconds = 0;
        for (uint image = 0; image < 6; image++)
            Decode(method, windows, contextEffect, image, (_, nodes) => seconds += costs.Seconds(nodes - 1));
        return seconds;
    }

    /// <param name="observer">Receives the window after each pass, and the nodes that the pass judged.</param>
    private static DecodedSequence Decode(
        IDecodingMethod method, IWindowPolicy windows, float contextEffect, uint image, Action<Window, int>? observer = null)
    {
        int nodes = 0;
        return new Decoder(Layout, method, new SamplingOptions(), windows).Decode(
            new ToyModel(Layout) { ContextEffect = contextEffect }, new Randomness(4, image), window =>
            {
                if (window.Statistics.ForwardPasses > 0)
                    observer?.Invoke(window, nodes);
                nodes = window.Nodes;
            });
    }

    private static IDecodingMethod Create(string method) => DecodingMethods.BuiltIn[method].Default;
}
