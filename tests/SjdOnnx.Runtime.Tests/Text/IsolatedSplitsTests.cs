using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Runtime.Tests.Text;

public class IsolatedSplitsTests
{
    [Fact]
    public void Matches_of_a_split_and_the_text_between_them_become_pieces() =>
        Assert.Equal(["x", "12", " y", "3", "z"], Of("x12 y3z", @"\p{N}+"));

    [Fact]
    public void The_next_split_sees_each_piece_by_itself() =>
        Assert.Equal(["ab", "  ", "c"], Of("ab  c", "c", @"\s+(?!\S)|\s+"));

    [Fact]
    public void Without_splits_a_text_is_one_piece_and_an_empty_text_has_none()
    {
        Assert.Equal(["a b"], Of("a b"));
        Assert.Empty(Of("", "x"));
    }

    [Fact]
    public void Characters_past_the_basic_plane_match_by_their_category() =>
        Assert.Equal(["𝐀𐐀𠀀", "𝟘", "🦊", "𝐁"], Of("𝐀𐐀𠀀𝟘🦊𝐁", @"\p{L}+|\p{N}|\p{So}"));

    [Fact]
    public void Characters_past_the_basic_plane_that_a_class_names_match_by_their_stand_in()
    {
        var splits = new IsolatedSplits(["[a-z]+"], [new StandIn(0x10428, 0x1044F, 'a')]);
        Assert.Equal(["x𐐨𐑏", "𐐀"], splits.Of("x𐐨𐑏𐐀"));
    }

    [Fact]
    public void Splits_lose_no_character()
    {
        const string Text = "  The 🦊's 3rd\r\n\r\n…\u0301 \u3000 end  ";
        Assert.Equal(Text, string.Concat(Of(Text, @"'s|\p{L}+|\s+(?!\S)|\s+", "[0-9]")));
    }

    private static IEnumerable<string> Of(string text, params string[] patterns) => new IsolatedSplits(patterns, []).Of(text);
}
