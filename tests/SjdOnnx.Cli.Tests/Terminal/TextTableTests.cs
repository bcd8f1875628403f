using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests.Terminal;

public class TextTableTests
{
    private static readonly TextTable Table = Filled();

    [Fact]
    public void A_file_gets_a_line_of_Markdown_for_each_row()
    {
        string[] lines = Table.ToText(width: null).Split('\n');

        Assert.Equal(4, lines.Length);
        Assert.Matches(@"^\| name +\| what it does +\| +MB \|$", lines[0]);
        Assert.Matches(@"^\| emoji +\| draws small images of emoji +\| +28[.]4 \|$", lines[2]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(41)]
    [InlineData(50)]
    [InlineData(80)]
    public void A_terminal_gets_lines_that_are_no_wider_than_itself_and_cut_no_word(int reported)
    {
        int width = Print.WidthOf(reported);

        string text = Table.ToText(width);

        Assert.All(text.Split('\n'), line => Assert.InRange(line.Length, 1, width));
        Assert.All((string[])["emoji", "draws", "photographs", "13000.0"], word => Assert.Contains(word, text.Split(' ', '\n')));
    }

    [Fact]
    public void A_terminal_that_is_too_narrow_gets_a_list() =>
        Assert.Equal(
            """
            name: emoji
            what it does: draws small images of emoji
            MB: 28.4

            name: a\u001b[2Jb
            what it does: draws photographs
            MB: 13000.0
            """,
            Table.ToText(width: 20));

    [Fact]
    public void A_terminal_without_a_size_has_80_columns()
    {
        Assert.Equal(80, Print.WidthOf(0));
        Assert.Equal(20, Print.WidthOf(20));
    }

    private static TextTable Filled()
    {
        var table = new TextTable(new("name"), new("what it does"), new("MB", IsNumber: true));
        table.Add("emoji", "draws small images of emoji", "28.4");
        table.Add("a\u001b[2Jb", "draws photographs", "13000.0");
        return table;
    }
}
