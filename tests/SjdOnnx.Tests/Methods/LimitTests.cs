using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;
using SjdOnnx.Windows;

namespace SjdOnnx.Tests.Methods;

/// <summary>At the end of its option's range, a method equals another method, token for token.</summary>
public sealed class LimitTests
{
    private static readonly TokenLayout Layout =
        new() { Rows = 5, Columns = 6, FirstCode = 4, Codes = 23, RowSuffix = [90], Suffix = [91] };

    public static TheoryData<IDecodingMethod, string> Limits() => new()
    {
        { new ConfidenceReuse { ReuseThreshold = float.MaxValue }, "sjd" },
        { new GroupedAcceptance { GroupSize = 0 }, "sjd" },
        { new GroupedAcceptance { GroupSize = 1 }, "sjd" },
        { new EarlyExit { Iterations = 10 }, "exact" },
        { new ProactiveDrafting { Branching = default }, "mc" },
        { new ProactiveDrafting { Branching = new Branching(1, 1, 1) }, "mc" },
    };

    [Theory]
    [MemberData(nameof(Limits))]
    public void At_the_limit_of_its_option_a_method_equals_another(IDecodingMethod method, string other)
    {
        for (uint image = 0; image < 20; image++)
        {
            foreach (int window in new[] { 0, 1, 4, 9 })
            {
                DecodedSequence decoded = Decode(method, window, image);
                DecodedSequence expected = Decode(DecodingMethods.BuiltIn[other].Default, window, image);
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
    public void Away_from_the_limit_of_its_option_a_method_is_faster_than_the_other(string name, string other)
    {
        IDecodingMethod method = name == "early-exit" ? new EarlyExit { Iterations = 3 } : DecodingMethods.BuiltIn[name].Default;

        Assert.InRange(Passes(method), 1, Passes(DecodingMethods.BuiltIn[other].Default) * 0.97);

        static int Passes(IDecodingMethod method) => Enumerable.Range(0, 40).Sum(image => Decode(method, 9, (uint)image).ForwardPasses);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Early_exit_refines_no_draft_in_more_passes_than_its_limit(int iterations)
    {
        int oldest = 0;
        Decode(new EarlyExit { Iterations = iterations }, window: 9, image: 1, window =>
        {
            for (int position = window.Start; position < window.End; position++)
                oldest = Math.Max(oldest, window.Age(position));
        });

        Assert.Equal(iterations, oldest);
    }

    private static DecodedSequence Decode(IDecodingMethod method, int window, uint image, Action<Window>? observer = null) =>
        new Decoder(Layout, method, new SamplingOptions { Guidance = 1.5f }, new FixedWindow(window))
            .Decode(new ToyModel(Layout), new Randomness(77, image), observer);
}
