using SjdOnnx.Cli.Batch.Sheet;

namespace SjdOnnx.Cli.Tests.Batch.Sheet;

public sealed class CaptionFontTests
{
    [Theory]
    [InlineData("a fox", 10, 2, "a fox")]
    [InlineData("a fox above a rocket", 10, 3, "a fox", "above a", "rocket")]
    [InlineData("a fox above a rocket", 10, 2, "a fox", "above a…")]
    [InlineData("a fox above", 5, 1, "a fo…")]
    [InlineData("abcdefghij kl", 4, 9, "abcd", "efgh", "ij", "kl")]
    [InlineData("  two\nlines ", 20, 2, "two lines")]
    [InlineData("😀😀😀", 2, 2, "😀😀", "😀")]
    public void Text_is_broken_between_words(string text, int columns, int lines, params string[] expected) =>
        Assert.Equal(expected, CaptionFont.Wrap(text, columns, lines));

    [Fact]
    public void Letters_have_their_shapes()
    {
        Assert.Equal(
            """
            ......
            ......
            ..#...
            .#.#..
            #...#.
            #...#.
            #...#.
            #####.
            #...#.
            #...#.
            #...#.
            ......
            ......
            """, Drawn("A"));
    }

    [Fact]
    public void Letters_of_other_alphabets_have_shapes_of_their_own()
    {
        string[] drawn = [.. "géñΩжёשﬁ→".Select(letter => Drawn(letter.ToString()))];

        Assert.Equal(drawn.Length, drawn.Append(Drawn("\uFFFD")).Distinct().Count());
    }

    [Fact]
    public void A_character_that_the_font_does_not_have_is_a_box() => Assert.Equal(Drawn("\uFFFD"), Drawn("狐"));

    private static string Drawn(string letter)
    {
        byte[] canvas = new byte[3 * CaptionFont.Width * CaptionFont.Height];
        CaptionFont.Draw(canvas, CaptionFont.Width, x: 0, y: 0, letter);
        return string.Join('\n', canvas.Chunk(3 * CaptionFont.Width).Select(row =>
            string.Concat(row.Chunk(3).Select(pixel => pixel[0] > 0 ? '#' : '.'))));
    }
}
