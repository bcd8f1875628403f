using System.Text;
using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Runtime.Tests.Text;

public class BpeSpellingTests
{
    private static readonly BpeSpelling Spelling = new("""{"a":0,"Ġb":1,"Ã":2,"¤":3,"ĠcĊ":7}"""u8);

    [Fact]
    public void Tokens_are_joined_and_their_bytes_read_as_utf8() => Assert.Equal("a bä c\n", Spelling.Decode([0, 1, 2, 3, 7]));

    [Fact]
    public void Special_and_unknown_ids_have_no_text() => Assert.Equal("aa", Spelling.Decode([0, 99, -1, 5, 0]));

    [Fact]
    public void Bytes_that_are_not_utf8_become_the_replacement_character() => Assert.Equal("\uFFFDa", Spelling.Decode([2, 0]));

    [Fact]
    public void Nothing_has_no_text() => Assert.Equal("", Spelling.Decode([]));

    [Theory]
    [InlineData("[]")]
    [InlineData("""{"a":-1}""")]
    [InlineData("""{"a":0""")]
    public void A_damaged_vocabulary_is_refused(string json) =>
        Assert.Throws<InvalidDataException>(() => new BpeSpelling(Encoding.UTF8.GetBytes(json)));
}
