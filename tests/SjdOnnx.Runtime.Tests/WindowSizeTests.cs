using System.Text.Json;

namespace SjdOnnx.Runtime.Tests;

public class WindowSizeTests
{
    [Fact]
    public void Auto_is_the_default_and_has_no_number()
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
    public void Text_and_back(string text) => Assert.Equal(text, WindowSize.Parse(text).ToString());

    [Theory]
    [InlineData("")]
    [InlineData("Auto")]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("99999999999")]
    [InlineData(null)]
    public void What_is_neither_is_refused(string? text)
    {
        Assert.False(WindowSize.TryParse(text, out _));
        var error = Assert.Throws<FormatException>(() => WindowSize.Parse(text!));
        Assert.Contains($"'{text}' is neither", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"auto\"")]
    [InlineData("16")]
    public void Json_and_back(string json) => Assert.Equal(json, JsonSerializer.Serialize(JsonSerializer.Deserialize<WindowSize>(json)));

    [Theory]
    [InlineData("\"16\"")]
    [InlineData("1.5")]
    [InlineData("null")]
    [InlineData("{}")]
    public void Other_json_is_refused(string json) => Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<WindowSize>(json));
}
