using System.Text.Json;

namespace SjdOnnx.Runtime.Tests;

public class WindowSizeTests
{
    [Fact]
    public void The_automatic_window_is_the_default_and_has_no_number()
    {
        Assert.True(default(WindowSize).IsAuto);
        Assert.Null(WindowSize.Auto.Drafts);
        Assert.Equal(16, ((WindowSize)16).Drafts);
        Assert.False(WindowSize.Of(0).IsAuto);
    }

    [Theory]
    [InlineData("auto")]
    [InlineData("0")]
    [InlineData("1024")]
    public void A_window_is_read_from_the_text_that_it_is_printed_as(string text) =>
        Assert.Equal(text, WindowSize.Parse(text).ToString());

    [Theory]
    [InlineData("")]
    [InlineData("Auto")]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("99999999999")]
    [InlineData(null)]
    public void Text_that_is_neither_auto_nor_a_number_is_refused(string? text)
    {
        Assert.False(WindowSize.TryParse(text, out _));
        var error = Assert.Throws<FormatException>(() => WindowSize.Parse(text!));
        Assert.Contains($"'{text}' is neither", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"auto\"")]
    [InlineData("16")]
    public void A_window_is_read_from_the_JSON_that_it_is_written_as(string json) =>
        Assert.Equal(json, JsonSerializer.Serialize(JsonSerializer.Deserialize<WindowSize>(json)));

    [Theory]
    [InlineData("\"16\"")]
    [InlineData("1.5")]
    [InlineData("null")]
    [InlineData("{}")]
    public void JSON_that_is_neither_auto_nor_a_number_is_refused(string json) =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<WindowSize>(json));
}
