using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Decoding;

public class SequentialPartsTests
{
    private static readonly TokenLayout Layout = new() { Rows = 4, Columns = 3, FirstCode = 0, Codes = 4, RowSuffix = [4], Suffix = [5] };

    [Fact]
    public void No_pass_drafts_what_is_to_be_drawn_one_by_one()
    {
        var opened = new List<(int Committed, int Drafts)>();
        new Decoder(Layout, new MaximalCoupling(new DecodingOptions { WindowSize = 16 }), new SamplingOptions(), sequential: new SequentialParts(first: 3, last: 2))
            .Decode(new ToyModel(Layout), new Randomness(5), window => opened.Add((window.CommittedCodes, CodesOpen(window))));

        Assert.All(opened, pass => Assert.True(pass.Drafts == 0 || (pass.Committed > 3 && pass.Committed + pass.Drafts <= 10), $"{pass}"));
        Assert.Contains(opened, pass => pass.Drafts > 0);
        Assert.Equal([1, 2, 3], opened.Select(pass => pass.Committed).Take(3));
        Assert.Equal([10, 11, 12], opened.Select(pass => pass.Committed).TakeLast(3));
    }

    [Fact]
    public void The_picture_of_a_seed_stays_the_same()
    {
        var method = new GumbelExact(new DecodingOptions { WindowSize = 8 });
        Decoded everywhere = new Decoder(Layout, method, new SamplingOptions()).Decode(new ToyModel(Layout), new Randomness(5));
        Decoded inParts = new Decoder(Layout, method, new SamplingOptions(), sequential: new SequentialParts(2, 100)).Decode(new ToyModel(Layout), new Randomness(5));

        Assert.Equal(everywhere.Codes, inParts.Codes);
        Assert.Equal(Layout.ImageTokens - 1, inParts.ForwardPasses); // nothing is left to draft
        Assert.True(everywhere.ForwardPasses < inParts.ForwardPasses);
    }

    [Fact]
    public void Parts_are_not_negative()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new SequentialParts(-1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SequentialParts(0, -1));
    }

    private static int CodesOpen(Window window) => Enumerable.Range(window.Start, window.Drafts).Count(position => !Layout.IsForced(position));
}
