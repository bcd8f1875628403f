using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests.Terminal;

public class PrintableTests
{
    [Theory]
    [InlineData("a fox 🦊 ثعلب", "a fox 🦊 ثعلب")]
    [InlineData("a\nb\u001b[31m\u009b", @"a\u000ab\u001b[31m\u009b")]
    [InlineData("a\u202eb\u2028c\u200d", "a\\u202eb\\u2028c\u200d")]
    public void Control_characters_are_printed_as_escapes(string text, string printed) =>
        Assert.Equal(printed, Printable.Text(text));
}
