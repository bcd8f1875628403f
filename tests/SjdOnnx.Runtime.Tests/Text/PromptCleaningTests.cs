using System.Runtime.CompilerServices;
using System.Text.Json;
using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Runtime.Tests.Text;

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
    public void Captions_are_cleaned_by_the_rules_of_the_training_data(string prompt, string expected) =>
        Assert.Equal(expected, PromptCleaning.Of("t5-captions", prompt));

    /// <summary>The cases of tests/export/references/caption_cleaning.json, whose script names the rules that it follows.</summary>
    public static TheoryData<string, string, string> References()
    {
        var cases = new TheoryData<string, string, string>();
        foreach (JsonElement one in JsonElement.Parse(File.ReadAllText(Path())).EnumerateArray())
            cases.Add(Text(one, "rule"), Text(one, "caption"), Text(one, "expected"));
        return cases;

        static string Text(JsonElement one, string name) => one.GetProperty(name).GetString()!;

        static string Path([CallerFilePath] string file = "") => System.IO.Path.GetFullPath(System.IO.Path.Combine(
            System.IO.Path.GetDirectoryName(file)!, "..", "..", "export", "references", "caption_cleaning.json"));
    }

    [Theory]
    [MemberData(nameof(References))]
    public void Captions_are_cleaned_as_the_published_code_does(string rule, string caption, string expected)
    {
        string cleaned = PromptCleaning.Of("t5-captions", caption);
        Assert.True(expected == cleaned, $"{rule}: '{caption}' became '{cleaned}', expected '{expected}'.");
    }

    [Theory]
    [InlineData(" \t a fox \n", "a fox")]
    [InlineData("A Fox", "A Fox")]
    public void Stripping_removes_white_space_at_both_ends(string prompt, string expected) =>
        Assert.Equal(expected, PromptCleaning.Of("strip", prompt));

    [Fact]
    public void A_prompt_of_10000_characters_is_cleaned() =>
        Assert.Equal(new string('a', 10_000), PromptCleaning.Of("t5-captions", new string('A', 10_000)));

    [Fact]
    public void An_unknown_cleaning_is_an_error() => Assert.Throws<ArgumentOutOfRangeException>(() => PromptCleaning.Of("soap", "a fox"));
}
