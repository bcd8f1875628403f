using SjdOnnx.Decoding;

namespace SjdOnnx.Tests.Decoding;

public sealed class TokenLayoutTests
{
    private static readonly TokenLayout Layout =
        new() { Rows = 2, Columns = 3, FirstCode = 4, Codes = 5, RowSuffix = [90, 91], Suffix = [92] };

    [Fact]
    public void Rows_of_codes_end_with_structural_tokens()
    {
        int[] ids = [.. Enumerable.Range(0, Layout.Length).Select(position => Layout.Id(position, code: 2))];

        Assert.Equal([6, 6, 6, 90, 91, 6, 6, 6, 90, 91, 92], ids);
        Assert.Equal(6, Layout.ImageTokens);
        Assert.Equal(7, Layout.LastCode);
    }

    [Fact]
    public void Positions_and_code_indices_are_inverse()
    {
        Assert.All(Enumerable.Range(0, Layout.ImageTokens), index => Assert.Equal(index, Layout.CodeIndex(Layout.Position(index))));
        Assert.Equal(
            [0, 1, 2, null, null, 3, 4, 5, null, null, null],
            Enumerable.Range(0, Layout.Length).Select(Layout.CodeIndex));
    }

    [Fact]
    public void Left_and_upper_neighbors_are_image_codes()
    {
        Assert.Equal(
            [null, 0, 1, null, null, null, 5, 6, null, null, null],
            Enumerable.Range(0, Layout.Length).Select(Layout.Left));
        Assert.Equal(
            [null, null, null, null, null, 0, 1, 2, null, null, null],
            Enumerable.Range(0, Layout.Length).Select(Layout.Above));
    }

    [Fact]
    public void A_layout_needs_no_structural_tokens()
    {
        var layout = new TokenLayout { Rows = 2, Columns = 2, FirstCode = 0, Codes = 1 };

        Assert.Equal(4, layout.Length);
        Assert.All(Enumerable.Range(0, 4), position => Assert.Null(layout.ForcedId(position)));
    }

    [Fact]
    public void A_layout_without_rows_is_refused()
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new TokenLayout { Rows = 0, Columns = 1, FirstCode = 0, Codes = 1 });

        Assert.Contains("Rows of at least 1", error.Message, StringComparison.Ordinal);
    }
}
