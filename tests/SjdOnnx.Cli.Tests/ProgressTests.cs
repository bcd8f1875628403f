using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Tests;

public class ProgressTests
{
    [Theory]
    [InlineData(0, 0, 1, "0/256 tokens")]
    [InlineData(1, 0, 1, "1/256 tokens")]
    [InlineData(64, 16, 1, "64/256 tokens, 4.0 per pass, 3.0 s left")]
    [InlineData(64, 16, 100, "64/256 tokens, 4.0 per pass, 0:05:00 left")]
    [InlineData(64, 16, 100_000, "64/256 tokens, 4.0 per pass, 83:20:00 left")]
    [InlineData(256, 64, 10, "256/256 tokens, 4.0 per pass, 0.0 s left")]
    public void Progress_says_tokens_tokens_per_pass_and_time_left(int tokens, int passes, double seconds, string text) =>
        Assert.Equal(text, ProgressText.Of(new GenerationProgress(tokens, 256, passes, TimeSpan.FromSeconds(seconds))));

    [Theory]
    [InlineData(0, 0, 1, "0/3 pictures, 0/768 tokens")]
    [InlineData(1, 384, 40, "1/3 pictures, 384/768 tokens, 9.6 per pass, 10.0 s left")]
    public void Progress_of_several_pictures_counts_them(int finished, int tokens, int passes, string text) =>
        Assert.Equal(text, ProgressText.Of(new BatchProgress(finished, 2, tokens, 256, passes, TimeSpan.FromSeconds(10)), 3));

    [Theory]
    [InlineData("a fox 🦊 ثعلب", "a fox 🦊 ثعلب")]
    [InlineData("a\nb\u001b[31m\u009b", @"a\u000ab\u001b[31m\u009b")]
    public void Control_characters_are_printed_as_escapes(string text, string printed) =>
        Assert.Equal(printed, Printable.Text(text));
}
