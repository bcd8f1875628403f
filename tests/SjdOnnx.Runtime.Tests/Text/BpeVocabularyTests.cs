using System.Text;
using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Runtime.Tests.Text;

/// <summary>
/// Errors, and cases that the exporter's tests do not compare with a reference (tests/export/test_tokenizer*.py compare the ids).
/// </summary>
public class BpeVocabularyTests
{
    [Fact]
    public void Merges_apply_in_the_order_of_their_file_and_from_left_to_right() =>
        Assert.Equal([5, 3, 5, 6], Encode("""{"a":0,"b":1,"ab":3,"ba":5,"abb":4,"aa":6}""", "b a\na b\nab b\na a\n", "baabbaaa"));

    [Fact]
    public void Two_tokens_may_share_an_id() => Assert.Equal([7, 7], Encode("""{"a":7,"b":7}""", "", "ab"));

    [Fact]
    public void A_byte_without_a_token_is_left_out_or_becomes_the_unknown_id()
    {
        Assert.Equal([2], Encode("""{"a":0,"b":1,"ab":2}""", "a b\n", "aéb"));
        Assert.Equal([0, 9, 9, 1], Encode("""{"a":0,"b":1,"ab":2}""", "a b\n", "aéb", unknownId: 9));
    }

    [Fact]
    public void A_piece_that_is_a_token_is_that_token_only_where_merges_are_ignored()
    {
        Assert.Equal([0, 1], Encode("""{"a":0,"b":1,"ab":2}""", "", "ab"));
        Assert.Equal([2], Encode("""{"a":0,"b":1,"ab":2}""", "", "ab", ignoreMerges: true));
    }

    [Theory]
    [InlineData("", "", "not a whole JSON object")]
    [InlineData("{\"a\":0,\"b\":", "", "not a whole JSON object")]
    [InlineData("{\"a\":0} x", "", "not a whole JSON object")]
    [InlineData("{}", "", "The vocabulary has no tokens")]
    [InlineData("[\"a\"]", "", "not a JSON object of tokens and their ids")]
    [InlineData("{\"a\":\"0\"}", "", "The token 'a' of the vocabulary has no id")]
    [InlineData("{\"a\":-1}", "", "The token 'a' of the vocabulary has no id")]
    [InlineData("{\"a\":1e9999}", "", "The token 'a' of the vocabulary has no id")]
    [InlineData("{\"a\":0,\"a\":1}", "", "has the token 'a' twice")]
    [InlineData("{\"a\":0,\"b\":1}", "a b\n", "The merges join 'a' and 'b', but 'ab' is not in the vocabulary")]
    [InlineData("{\"a\":0,\"aa\":1}", "a c\n", "The merges join 'a' and 'c', but 'c' is not in the vocabulary")]
    [InlineData("{\"a\":0,\"aa\":1}", "a a a\n", "Line 1 of the merges is 'a a a'; expected two tokens")]
    [InlineData("{\"a\":0,\"aa\":1}", "a\n", "Line 1 of the merges is 'a'; expected two tokens")]
    [InlineData("{\"a\":0,\"aa\":1}", "a a\na a\n", "The merges join 'a' and 'a' twice")]
    public void A_damaged_vocabulary_is_refused_with_the_place(string vocabulary, string merges, string reason)
    {
        var error = Assert.Throws<InvalidDataException>(() => Encode(vocabulary, merges, "a"));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    private static int[] Encode(string vocabulary, string merges, string piece, bool ignoreMerges = false, int? unknownId = null)
    {
        var ids = new List<int>();
        new BpeVocabulary(Encoding.UTF8.GetBytes(vocabulary), Encoding.UTF8.GetBytes(merges), ignoreMerges, unknownId).Encode(piece, ids);
        return [.. ids];
    }
}
