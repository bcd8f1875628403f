using SjdOnnx.Methods;

namespace SjdOnnx.Tests.Methods;

public sealed class DecodingMethodsTests
{
    [Fact]
    public void A_method_bears_the_name_it_is_made_by() =>
        Assert.All(DecodingMethods.Names, name => Assert.Equal(name, DecodingMethods.Create(name).Name));

    [Fact]
    public void An_unknown_name_is_answered_with_the_known_ones()
    {
        var method = Assert.Throws<ArgumentException>(() => DecodingMethods.Create("SJD"));
        Assert.Contains(
            "'SJD'; choose one of ar, early-exit, exact, gsd, gumbel, jacobi, mc, pac, sjd, sjd++, sjd2.", method.Message, StringComparison.Ordinal);

        var initialisation = Assert.Throws<ArgumentException>(() => Initialisation.Named("left"));
        Assert.Contains(
            "'left'; choose one of uniform, repeat-left, sample-left, repeat-above.", initialisation.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1025)]
    public void A_window_has_limits(int size)
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new DecodingOptions { WindowSize = size });
        Assert.Contains("between 0 and 1024", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_method_is_described()
    {
        MethodDescription[] all = [.. DecodingMethods.Names.Select(DecodingMethods.Describe)];

        Assert.Equal(["early-exit", "gsd", "sjd++"], all.Where(method => !method.IsExact).Select(method => method.Name));
        Assert.Equal(["ar", "exact"], all.Where(method => method.IsSeedExact).Select(method => method.Name));
        Assert.Equal(["sjd2"], all.Where(method => method.ReadsNoise).Select(method => method.Name));
        Assert.All(all, method => Assert.InRange(method.Summary.Length, 10, 100));
        Assert.All(all, method => Assert.Equal(DecodingMethods.Create(method.Name).IsExact, method.IsExact));
        Assert.All(all.SelectMany(method => method.Options), option => Assert.NotNull(typeof(DecodingOptions).GetProperty(option)));
        Assert.Throws<ArgumentException>(() => DecodingMethods.Describe("SJD"));
    }

    [Fact]
    public void A_window_of_the_options_is_the_methods()
    {
        var options = new DecodingOptions { WindowSize = 5 };
        Assert.All(DecodingMethods.Names, name => Assert.Equal(
            DecodingMethods.Describe(name).Options.Contains(nameof(DecodingOptions.WindowSize)) ? 5 : 0,
            DecodingMethods.Create(name, options).WindowSize));
    }

    [Fact]
    public void Options_out_of_range_are_refused_with_a_sentence()
    {
        (string Sentence, Func<DecodingOptions> Make)[] wrong =
        [
            ("1 to 32 candidates", () => new DecodingOptions { Branching = [3, 0] }),
            ("1 to 32 candidates", () => new DecodingOptions { Branching = [33] }),
            ("more than 1024 codes", () => new DecodingOptions { Branching = [32, 32] }),
            ("more than 1024 codes", () => new DecodingOptions { Branching = [.. Enumerable.Repeat(32, 40)] }),
            ("0 or more", () => new DecodingOptions { ReuseThreshold = -0.1f }),
            ("0 or more", () => new DecodingOptions { ReuseThreshold = float.NaN }),
            ("between 0 and 1024", () => new DecodingOptions { GroupSize = -1 }),
            ("between 0 and 1024", () => new DecodingOptions { GroupSize = 1025 }),
            ("between 0 and 1", () => new DecodingOptions { GroupTolerance = 1.1f }),
            ("between 0 and 1", () => new DecodingOptions { GroupTolerance = float.NaN }),
            ("1 or more", () => new DecodingOptions { Iterations = 0 }),
            ("between 1 and 1024", () => new DecodingOptions { DenoisingSteps = 0 }),
            ("between 1 and 1024", () => new DecodingOptions { DenoisingSteps = 1025 }),
        ];

        Assert.All(wrong, option =>
            Assert.Contains(option.Sentence, Assert.Throws<ArgumentOutOfRangeException>(option.Make).Message, StringComparison.Ordinal));
        Assert.Throws<ArgumentNullException>(() => new DecodingOptions { Branching = null! });
    }

    [Theory]
    [InlineData(16, 0)]
    [InlineData(16, 2, 3)]
    [InlineData(16, 10, 3, 3)]
    [InlineData(16, 9, 4, 1, 1)]
    [InlineData(1, 2, 3, 3)] // no deeper than the window
    [InlineData(0, 0, 3, 3)]
    public void A_tree_has_so_many_codes_beside_the_drafts(int window, int branches, params int[] branching) =>
        Assert.Equal(branches, new ProactiveDrafting(new DecodingOptions { WindowSize = window, Branching = branching }).Branches);
}
