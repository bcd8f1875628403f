using System.Text.Json.Nodes;

namespace SjdOnnx.Server.Tests.OpenAI;

[Collection(nameof(DefaultServer))]
public sealed class StreamTests(DefaultServer fixture)
{
    private readonly RunningServer _server = fixture.Server;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Partial_images_come_first_and_the_completed_one_last(int partial)
    {
        using HttpResponseMessage response = await _server.GenerateAsync(
            new { prompt = "a fox", seed = 5, stream = true, partial_images = partial, window = 4 });

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        (string Name, JsonNode Data)[] events = Events(await response.Content.ReadAsStringAsync());
        Assert.Equal(
            [.. Enumerable.Repeat("image_generation.partial_image", partial), "image_generation.completed"],
            events.Select(static each => each.Name));
        Assert.Equal(Enumerable.Range(0, partial), events[..^1].Select(each => (int)each.Data["partial_image_index"]!));
        Assert.All(events, each =>
        {
            Assert.Equal(each.Name, (string)each.Data["type"]!);
            Answers.AssertPng(Convert.FromBase64String((string)each.Data["b64_json"]!));
            Assert.True((long)each.Data["created_at"]! > 1_700_000_000);
            Assert.Equal(
                ("128x128", "png", "opaque", "auto"),
                ((string)each.Data["size"]!, (string)each.Data["output_format"]!, (string)each.Data["background"]!,
                    (string)each.Data["quality"]!));
        });
        Assert.Equal(256, (int)events[^1].Data["usage"]!["output_tokens"]!);
    }

    [Fact]
    public async Task The_streamed_image_is_the_one_of_an_ordinary_answer()
    {
        JsonNode answer = await (await _server.GenerateAsync(new { prompt = "a fox", seed = 6, window = 16 })).JsonAsync();
        using HttpResponseMessage response = await _server.GenerateAsync(
            new { prompt = "a fox", seed = 6, window = 16, stream = true, partial_images = 2 });

        (string _, JsonNode completed) = Events(await response.Content.ReadAsStringAsync())[^1];

        Assert.Equal((string)answer["data"]![0]!["b64_json"]!, (string)completed["b64_json"]!);
    }

    [Fact]
    public async Task A_stream_that_cannot_begin_has_an_ordinary_answer()
    {
        using HttpResponseMessage response = await _server.GenerateAsync(new { prompt = "", stream = true });

        Assert.Equal(400, (int)response.StatusCode);
        Assert.Contains("The prompt is empty", (string)(await response.JsonAsync())["error"]!["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Comments_keep_the_connection_alive_and_a_late_failure_is_an_event()
    {
        await using RunningServer server = await RunningServer.StartAsync(static options =>
            (options.KeepAlive, options.TimeLimit) = (TimeSpan.FromMilliseconds(20), TimeSpan.FromSeconds(2)));
        await server.WhenReadyAsync();

        // So many images without drafts take longer than the time limit.
        Task<string>[] streams = [.. Enumerable.Range(0, 32).Select(async seed =>
        {
            using HttpResponseMessage response = await server.GenerateAsync(new { prompt = "a fox", seed, stream = true, method = "ar" });
            return await response.Content.ReadAsStringAsync();
        })];

        // The first may be drawn in time. On a busy machine the time can be over before a stream has begun: then the failure is the whole
        // answer.
        string[] failed =
            [.. (await Task.WhenAll(streams)).Where(static text => !text.StartsWith('{') && Events(text) is [.., ("error", _)])];
        Assert.NotEmpty(failed);
        Assert.All(failed, text =>
        {
            Assert.Contains(": keep-alive\n\n", text, StringComparison.Ordinal);
            Assert.Equal("time_limit", (string)Events(text)[^1].Data["error"]!["code"]!);
        });
    }

    /// <summary>The events of a stream, without comments.</summary>
    private static (string Name, JsonNode Data)[] Events(string text) =>
    [
        .. text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Where(static block => !block.StartsWith(':')).Select(static block =>
        {
            string[] lines = block.Split('\n');
            return (lines[0]["event: ".Length..], JsonNode.Parse(lines[1]["data: ".Length..])!);
        }),
    ];
}
