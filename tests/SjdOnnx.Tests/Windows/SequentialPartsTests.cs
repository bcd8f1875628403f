using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;
using SjdOnnx.Tests.Methods;
using SjdOnnx.Windows;

namespace SjdOnnx.Tests.Windows;

public sealed class SequentialPartsTests
{
    private static readonly TokenLayout Layout =
        new() { Rows = 4, Columns = 3, FirstCode = 0, Codes = 4, RowSuffix = [4], Suffix = [5] };

    [Fact]
    public void No_pass_drafts_a_code_of_the_sequential_parts()
    {
        var opened = new List<(int Committed, int Drafts)>();
        var windows = new SequentialParts(new FixedWindow(16), first: 3, last: 2);
        new Decoder(Layout, new MaximalCoupling(), new SamplingOptions(), windows)
            .Decode(new ToyModel(Layout), new Randomness(5), window => opened.Add((window.CommittedCodes, CodesOpen(window))));

        Assert.All(opened, pass =>
            Assert.True(pass.Drafts == 0 || (pass.Committed > 3 && pass.Committed + pass.Drafts <= 10), $"{pass}"));
        Assert.Contains(opened, pass => pass.Drafts > 0);
        Assert.Equal([1, 2, 3], opened.Select(pass => pass.Committed).Take(3));
        Assert.Equal([10, 11, 12], opened.Select(pass => pass.Committed).TakeLast(3));
    }

    [Fact]
    public void Sequential_parts_do_not_change_a_seed_exact_image()
    {
        DecodedSequence everywhere = Decode(new FixedWindow(8));
        DecodedSequence inParts = Decode(new SequentialParts(new FixedWindow(8), 2, 100));

        Assert.Equal(everywhere.Codes, inParts.Codes);
        Assert.Equal(Layout.ImageTokens - 1, inParts.ForwardPasses); // the parts cover the image
        Assert.True(everywhere.ForwardPasses < inParts.ForwardPasses);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Between_the_parts_the_inner_policy_decides(int drafts)
    {
        var inner = new Scheduled(9, _ => drafts);
        var windows = new SequentialParts(inner, first: 1, last: 1);
        var opened = new HashSet<int>();
        new Decoder(Layout, new MaximalCoupling(), new SamplingOptions(), windows)
            .Decode(new ToyModel(Layout), new Randomness(5), window => opened.Add(window.Drafts));

        Assert.Equal(9, windows.MaxDrafts);
        Assert.Equal(drafts, opened.Max());
    }

    [Fact]
    public void Parts_of_negative_length_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new SequentialParts(new FixedWindow(1), -1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SequentialParts(new FixedWindow(1), 0, -1));
        Assert.Throws<ArgumentNullException>(() => new SequentialParts(null!, 0, 0));
    }

    private static DecodedSequence Decode(IWindowPolicy windows) =>
        new Decoder(Layout, new GumbelExact(), new SamplingOptions(), windows).Decode(new ToyModel(Layout), new Randomness(5));

    private static int CodesOpen(Window window) =>
        Enumerable.Range(window.Start, window.Drafts).Count(position => !Layout.IsForced(position));
}
