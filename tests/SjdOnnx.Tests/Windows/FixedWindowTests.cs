using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;
using SjdOnnx.Windows;

namespace SjdOnnx.Tests.Windows;

public sealed class FixedWindowTests
{
    private static readonly TokenLayout Layout = new() { Rows = 3, Columns = 5, FirstCode = 0, Codes = 7, RowSuffix = [9] };

    [Theory]
    [InlineData(-1)]
    [InlineData(1025)]
    public void A_window_out_of_range_is_refused_with_a_sentence(int drafts)
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new FixedWindow(drafts));

        Assert.Contains("must be between 0 and 1024 drafts; 16 is usual.", error.Message, StringComparison.Ordinal);
        Assert.Equal(drafts, error.ActualValue);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1024)]
    public void Windows_of_0_and_1024_drafts_are_accepted(int drafts) => Assert.Equal(drafts, new FixedWindow(drafts).MaxDrafts);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(100)]
    public void Every_pass_carries_as_many_drafts_as_the_image_has_room_for(int drafts)
    {
        var decoder = new Decoder(Layout, new SpeculativeJacobi(), new SamplingOptions(), new FixedWindow(drafts));

        decoder.Decode(new ToyModel(Layout), new Randomness(3), window =>
            Assert.Equal(Math.Max(0, Math.Min(drafts, Layout.LastCode - window.Start)), window.Drafts));
    }
}
