using System.Text;
using System.Text.Json;

namespace SjdOnnx.Fleet.Tests;

public sealed class ImageMessageTests
{
    private static readonly ImageMessage Fox = new(
        "night", 3, 4, "00003.png", "a fox \"é\"", ulong.MaxValue, new Dictionary<string, string> { ["top-k"] = "5" })
    { Id = "fox" };

    [Fact]
    public void A_message_is_read_as_it_was_written()
    {
        var read = ImageMessage.FromBytes(Fox.ToBytes());

        Assert.Equal(Fox with { Values = read.Values }, read);
        Assert.Equal(Fox.Values, read.Values);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"job\":\"night\"}")]
    [InlineData("\u0001\u0002")]
    public void Anything_else_is_refused(string body) =>
        Assert.Throws<JsonException>(() => ImageMessage.FromBytes(Encoding.UTF8.GetBytes(body)));

    [Fact]
    public void A_message_of_another_version_is_refused() => Assert.Equal(
        "The message has the format 2; this version reads 1.",
        Assert.Throws<JsonException>(() => ImageMessage.FromBytes((Fox with { Format = 2 }).ToBytes())).Message);

    [Theory]
    [InlineData("night", true)]
    [InlineData("2026-11-27_a.b", true)]
    [InlineData("", false)]
    [InlineData(".", false)]
    [InlineData("..", false)]
    [InlineData("a/b", false)]
    [InlineData("a b", false)]
    [InlineData("a\n", false)]
    public void A_job_is_named_like_a_folder(string name, bool isJob) => Assert.Equal(isJob, FleetNames.IsJob(name));
}
