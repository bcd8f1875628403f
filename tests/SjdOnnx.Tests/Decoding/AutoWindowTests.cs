using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Decoding;

public sealed class AutoWindowTests
{
    private static readonly TokenLayout Layout =
        new() { Rows = 16, Columns = 16, FirstCode = 4, Codes = 37, RowSuffix = [90], Suffix = [91] };

    // the built-in model at fp32 on two cores, in milliseconds
    private static readonly PassCosts Small =
        new([(0, 0.96), (1, 1.15), (2, 1.27), (4, 1.5), (8, 2.12), (16, 3.04), (32, 4.84), (64, 8.4)]);
    private static readonly PassCosts Free = new([(0, 1), (4, 1), (16, 1.01), (64, 1.02)]);
    private static readonly PassCosts Dear = new([(0, 1), (1, 2), (64, 65)]);

    [Theory]
    [InlineData("mc", 0.3f, 8)]
    [InlineData("mc", 0.3f, 32)]
    [InlineData("exact", 0.6f, 16)]
    [InlineData("sjd", 0.3f, 16)]
    [InlineData("pac", 0.6f, 16)]
    public void What_it_expects_of_a_window_comes_about(string method, float contextEffect, int window)
    {
        (int passes, int expectations, double expected) = (0, 0, 0);
        for (uint image = 0; image < 10; image++)
        {
            passes += Decode(Create(method, window), contextEffect, image, null, (seen, _) =>
            {
                expected += AutoWindow.TokensPerPass(window, seen.Survival);
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
    [InlineData("jacobi", 1.5f)] // hopeless: nothing is better than no drafts
    [InlineData("pac", 0.6f)]
    [InlineData("gumbel", 1.5f)]
    public void It_is_about_as_fast_as_the_best_window_and_never_much_slower_than_none(string method, float contextEffect)
    {
        double auto = Seconds(Create(method, 64), contextEffect, Small, new AutoWindow(Small));
        double[] fixedWindows = [.. Small.Drafts.Select(drafts => Seconds(Create(method, drafts), contextEffect, Small, null))];

        Assert.InRange(auto, 0, 1.25 * fixedWindows.Min());
        Assert.InRange(auto, 0, 1.06 * fixedWindows[0]); // what it may risk, and no more, whatever the drafts do
    }

    [Fact]
    public void Drafts_that_cost_nothing_are_taken_and_dear_ones_are_not()
    {
        Assert.InRange(Decode(Create("mc", 64), 0.3f, 1, new AutoWindow(Free)).DraftsPerPass, 30, 64);
        Assert.InRange(Decode(Create("jacobi", 64), 1, 1, new AutoWindow(Dear)).DraftsPerPass, 0, 0.3);
    }

    [Theory]
    [InlineData(3)] // less than any window that was measured
    [InlineData(20)] // between two of them
    [InlineData(200)] // more
    public void The_method_s_window_and_the_table_bound_it(int window)
    {
        var costs = new PassCosts([(0, 1), (8, 1.01), (64, 1.02)]);
        int most = 0;
        Decode(Create("mc", window), 0.1f, 1, new AutoWindow(costs), (seen, _) => most = Math.Max(most, seen.Drafts));

        Assert.Equal(Math.Min(window, 64), most);
    }

    [Fact]
    public void It_begins_small_and_doubles_at_most()
    {
        List<int> chosen = [];
        var decoder = new Decoder(Layout, Create("mc", 64), new SamplingOptions(), new AutoWindow(Free));
        decoder.Decode(new ToyModel(Layout) { ContextEffect = 0.1f }, new Randomness(1), window => chosen.Add(window.Drafts));

        Assert.Equal([4, 8, 16, 32, 64], chosen.Take(5));
    }

    [Fact]
    public void A_pass_of_a_tree_is_paid_for_by_its_codes()
    {
        var method = new ProactiveDrafting(new DecodingOptions { WindowSize = 64, Branching = [8, 8] });
        Assert.Equal(7 + 63, method.Branches);

        var auto = new AutoWindow(new PassCosts([(0, 1), (8, 1.5), (64, 40), (134, 90)]));
        Assert.Equal(0, Decode(method, 0.3f, 1, auto).DraftsPerPass);
        Assert.InRange(Decode(Create("mc", 64), 0.3f, 1, auto).DraftsPerPass, 4, 16);
    }

    private static double Seconds(IDecodingMethod method, float contextEffect, PassCosts costs, AutoWindow? auto)
    {
        double seconds = 0;
        for (uint image = 0; image < 6; image++)
            Decode(method, contextEffect, image, auto, (_, nodes) => seconds += costs.Seconds(nodes - 1));
        return seconds;
    }

    /// <param name="observer">Given the window after each pass, and the nodes that the pass judged.</param>
    private static Decoded Decode(
        IDecodingMethod method, float contextEffect, uint image, AutoWindow? auto, Action<Window, int>? observer = null)
    {
        int nodes = 0;
        return new Decoder(Layout, method, new SamplingOptions(), auto).Decode(
            new ToyModel(Layout) { ContextEffect = contextEffect }, new Randomness(4, image), window =>
            {
                if (window.ForwardPasses > 0)
                    observer?.Invoke(window, nodes);
                nodes = window.Nodes;
            });
    }

    private static IDecodingMethod Create(string method, int window) =>
        DecodingMethods.Create(method, new DecodingOptions { WindowSize = window });
}
