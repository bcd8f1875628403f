namespace SjdOnnx.Runtime.Tests;

public class PromptCleaningTests
{
    [Theory]
    [InlineData("A Fox above a Rocket", "a fox above a rocket")]
    [InlineData("  a   fox \n on\ta rocket ", "a fox on a rocket")]
    [InlineData("a+fox%20here", "a fox here")]
    [InlineData("a <person> with <b>bold</b> hair", "a person with bold hair")]
    [InlineData("see https://example.com/fox?x=1 or www.example.net here", "see ?x=1 or here")]
    [InlineData("a photo from example.com/fox by @someone today", "a photo from by today")]
    [InlineData("a 狐 fox", "a fox")]
    [InlineData("a fox — “quoted” ‘so’ on", "a fox - \"quoted\" 'so' on")]
    [InlineData("fox &quot;and&quot; hen &amp more", "fox \"and\" hen more")]
    [InlineData("at 192.168.10.1 now", "at now")]
    [InlineData("a fox #12 and 1234567 and #123456", "a fox and and")]
    [InlineData("img_0123.jpg of a fox", "of a fox")]
    [InlineData("a fox!!! \"\"really\"\" ... yes", "a fox!!! \"really\" yes")]
    [InlineData("a fox (red) [big] {odd} #tag", "a fox red big odd tag")]
    [InlineData("one-two-three-four-five_six", "one two three four five six")]
    [InlineData("one-two three", "one-two three")]
    [InlineData("a fox jc6640 vc2x", "a fox")]
    [InlineData("worldwide free shipping of a fox, click for more", "of a fox")]
    [InlineData("a fox 1920x1080 wallpaper", "a fox wallpaper")]
    [InlineData("a fox,a hen.a cat", "a fox, a hen. a cat")]
    [InlineData("\"a fox\"", "a fox")]
    [InlineData(":a fox_", "a fox")]
    [InlineData("Q: what is it?", "q: what is it?")]
    [InlineData("fox &lt;3 hen", "fox <3 hen")]
    [InlineData("3 < 5 and 7 > 2 <br/> <!-- no --> yes", "3 < 5 and 7 > 2 yes")]
    [InlineData("https://fox.example/den", "fox. example den")]
    [InlineData("house.cozy now", "now")]
    [InlineData("ｆｏｘ ﬁre cafe\u0301", "fox fire café")]
    [InlineData("", "")]
    [InlineData("日本", "")]
    public void Captions_are_cleaned(string prompt, string expected) => Assert.Equal(expected, PromptCleaning.Of("t5-captions", prompt));

    [Fact]
    public void Long_prompts_are_no_trouble() =>
        Assert.Equal(new string('a', 10_000), PromptCleaning.Of("t5-captions", new string('A', 10_000)));

    [Fact]
    public void There_is_no_other_cleaning() => Assert.Throws<ArgumentOutOfRangeException>(() => PromptCleaning.Of("soap", "a fox"));
}
