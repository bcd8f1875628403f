using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Methods;

/// <summary>Where a method's option is at its end it is another method, token for token.</summary>
public sealed class LimitTests
{
    private static readonly TokenLayout Layout =
        new() { Rows = 5, Columns = 6, FirstCode = 4, Codes = 23, RowSuffix = [90], Suffix = [91] };

    private static readonly DecodingOptions Options = new() { WindowSize = 9 };

    public static TheoryData<string, string, DecodingOptions> Limits() => new()
    {
        { "sjd++", "sjd", Options with { ReuseThreshold = float.PositiveInfinity } },
        { "gsd", "sjd", Options with { GroupSize = 0 } },
        { "gsd", "sjd", Options with { GroupSize = 1 } },
        { "early-exit", "exact", Options with { Iterations = 10 } },
        { "pac", "mc", Options with { Branching = [] } },
        { "pac", "mc", Options with { Branching = [1, 1, 1] } },
    };

    [Theory]
    [MemberData(nameof(Limits))]
    public void A_method_is_another_where_its_option_ends(string method, string other, DecodingOptions options)
    {
        for (uint image = 0; image < 20; image++)
        {
            foreach (int window in new[] { 0, 1, 4, 9 })
            {
                Decoded decoded = Decode(method, options with { WindowSize = window }, image);
                Decoded expected = Decode(other, options with { WindowSize = window }, image);
                Assert.Equal(expected.Ids, decoded.Ids);
                Assert.Equal(expected.AcceptedHistogram, decoded.AcceptedHistogram);
            }
        }
    }

    [Theory]
    [InlineData("sjd++", "sjd")]
    [InlineData("gsd", "sjd")]
    [InlineData("early-exit", "exact")]
    [InlineData("pac", "mc")]
    public void Before_that_it_is_faster(string method, string other)
    {
        DecodingOptions options = Options with { Iterations = 3 };
        int Passes(string name) => Enumerable.Range(0, 40).Sum(image => Decode(name, options, (uint)image).ForwardPasses);

        Assert.InRange(Passes(method), 1, Passes(other) * 0.97);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void No_draft_of_early_exit_is_refined_more_often_than_it_should(int iterations)
    {
        int oldest = 0;
        Decode("early-exit", Options with { Iterations = iterations }, image: 1, window =>
        {
            for (int position = window.Start; position < window.End; position++)
                oldest = Math.Max(oldest, window.Age(position));
        });

        Assert.Equal(iterations, oldest);
    }

    private static Decoded Decode(string method, DecodingOptions options, uint image, Action<Window>? observer = null) =>
        new Decoder(Layout, DecodingMethods.Create(method, options), new SamplingOptions { Guidance = 1.5f })
            .Decode(new ToyModel(Layout), new Randomness(77, image), observer);
}
