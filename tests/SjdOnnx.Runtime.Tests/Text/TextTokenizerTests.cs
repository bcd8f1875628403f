using System.Text;
using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Runtime.Tests.Text;

public class TextTokenizerTests
{
    private const string Letters = """{"a":0,"b":1,"Ġ":2,"Ã":3,"¶":4,"ï":5,"¿":6,"½":7}""";

    [Fact]
    public void Characters_that_are_tokens_are_found_anywhere_in_a_text()
    {
        TextTokenizer tokenizer = Open(Letters, section => section with { Characters = new() { ["ö"] = 9 } });
        Assert.Equal([9, 0, 9, 9, 1], tokenizer.Encode("öaööb"));
        Assert.Equal([0, 3, 4], Open(Letters).Encode("aö"));
    }

    [Fact]
    public void A_lone_surrogate_becomes_the_replacement_character() =>
        Assert.Equal([0, 5, 6, 7, 1], Open(Letters).Encode("a\ud83eb"));

    [Fact]
    public void Several_threads_may_use_a_tokenizer_at_once()
    {
        TextTokenizer tokenizer = Open(Letters, section => section with { Splits = [@"\s+"] });
        int[] expected = tokenizer.Encode("ab ba ab");
        Parallel.For(0, 200, _ => Assert.Equal(expected, tokenizer.Encode("ab ba ab")));
    }

    [Theory]
    [InlineData("tiktoken", "{\"a\":0}", "Line 1 is not a token in base64 and its rank")]
    [InlineData("tiktoken", "YQ== 0\nYg==", "Line 2 is not a token in base64 and its rank")]
    [InlineData("tiktoken", "YQ== 0\r\nYg== -1", "Line 2 is not a token in base64 and its rank")]
    [InlineData("tiktoken", "YQ== 0\nYg== 1 2", "Line 2 is not a token in base64 and its rank")]
    [InlineData("tiktoken", "YQ== 0\n 1", "Line 2 is not a token in base64 and its rank")]
    [InlineData("tiktoken", "YQ== 0\nYg== 0", "Two tokens have the rank 0")]
    [InlineData("tiktoken", "YQ== 0\nYWE= 1\n", "It has tokens for 1 of the 256 bytes")]
    [InlineData("unigram", "{\"a\":0}", "not a unigram model")]
    [InlineData("unigram", "", "not a unigram model")]
    [InlineData("bpe", "\u0008\u0001", "not a whole JSON object")]
    public void A_vocabulary_of_another_kind_is_refused_with_a_sentence(string kind, string content, string reason)
    {
        var error = Assert.Throws<ModelException>(() => Open(content, section => section with { Kind = kind }));
        Messages.AssertReadable(error);
        Assert.Contains($"are not a tokenizer of kind {kind}", error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_split_that_is_not_a_regular_expression_is_refused()
    {
        var error = Assert.Throws<ModelException>(() => Open(Letters, section => section with { Splits = ["(a"] }));
        Messages.AssertReadable(error);
        Assert.Contains("(a", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_split_that_backtracks_too_long_is_stopped()
    {
        TextTokenizer tokenizer = Open(Letters, section => section with { Splits = ["(a+)+$"] });
        var error = Assert.Throws<ModelException>(() => tokenizer.Encode(new string('a', 60) + "b"));
        Messages.AssertReadable(error);
        Assert.Contains("The expression '(a+)+$' of tokenizer.splits takes more than 2 s", error.Message, StringComparison.Ordinal);
    }

    private static TextTokenizer Open(string vocabulary, Func<TokenizerSection, TokenizerSection>? change = null)
    {
        var section = new TokenizerSection { Kind = "bpe", Vocabulary = "vocabulary.file", Merges = "merges.file" };
        return TextTokenizer.Open(
            change?.Invoke(section) ?? section, name => name == "merges.file" ? [] : Encoding.UTF8.GetBytes(vocabulary));
    }
}
