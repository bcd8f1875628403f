using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;
using SjdOnnx.Server.Drawing;
using SjdOnnx.Server.Models;

namespace SjdOnnx.Server.Tests.Drawing;

/// <summary>Many clients at once, clients that leave, and a server that stops.</summary>
public sealed class LoadTests
{
    /// <summary>One token per pass: slow enough that something can happen meanwhile.</summary>
    private const string Slow = "ar";

    [Fact]
    public async Task Concurrent_requests_share_passes_and_each_gets_its_own_image()
    {
        await using RunningServer server = await (await RunningServer.StartAsync()).WhenReadyAsync();
        int most = 0;
        Task<JsonNode>[] drawings = [.. Enumerable.Range(0, 8).Select(async seed =>
            await (await server.GenerateAsync(new { prompt = "a fox", seed, window = 8 })).JsonAsync())];
        await RunningServer.EventuallyAsync(() =>
        {
            most = Math.Max(most, server.Model.ImagesUnderWay);
            return most > 4 || drawings.All(static each => each.IsCompleted);
        });
        JsonNode[] together = await Task.WhenAll(drawings);
        JsonNode alone = await (await server.GenerateAsync(new { prompt = "a fox", seed = 3, window = 8 })).JsonAsync();

        Assert.True(most > 4, $"At most {most} images shared a pass.");
        Assert.Equal(alone.Image(), together[3].Image());
        Assert.Equal(8, together.Select(answer => (string)answer["data"]![0]!["b64_json"]!).Distinct().Count());
    }

    [Fact]
    public async Task Past_the_limit_the_answer_is_429_with_a_time_to_wait_and_what_was_taken_is_drawn()
    {
        await using RunningServer server = await RunningServer.StartAsync(static options => options.MaxPendingImages = 3);
        await server.WhenReadyAsync();

        Task<HttpResponseMessage> three = server.GenerateAsync(new { prompt = "a fox", n = 3, method = Slow });
        await RunningServer.EventuallyAsync(() => server.Model.ImagesUnderWay > 0);
        using HttpResponseMessage one = await server.GenerateAsync(new { prompt = "a fox" });
        using HttpResponseMessage stream = await server.GenerateAsync(new { prompt = "a fox", stream = true });
        using HttpResponseMessage webUI = await server.PostAsync("/sdapi/v1/txt2img", new { prompt = "a fox" });

        foreach (HttpResponseMessage refused in (HttpResponseMessage[])[one, stream, webUI])
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
            Assert.InRange(
                int.Parse(refused.Headers.GetValues("Retry-After").Single(), CultureInfo.InvariantCulture), 1, 600);
        }

        Assert.Equal("rate_limit_exceeded", (string)(await one.JsonAsync())["error"]!["code"]!);
        Assert.Equal(HttpStatusCode.OK, (await three).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await server.GenerateAsync(new { prompt = "a fox" })).StatusCode);
    }

    [Theory]
    [InlineData("/v1/images/generations", false)]
    [InlineData("/v1/images/generations", true)]
    [InlineData("/sdapi/v1/txt2img", false)]
    public async Task The_image_of_a_client_that_leaves_is_drawn_no_further(string path, bool stream)
    {
        await using RunningServer server = await (await RunningServer.StartAsync()).WhenReadyAsync();
        using var leave = new CancellationTokenSource();
        object body = stream ? new { prompt = "a fox", method = Slow, stream } : new { prompt = "a fox", method = Slow };
        Task<HttpResponseMessage> request = server.PostAsync(path, body, leave.Token);
        await RunningServer.EventuallyAsync(() => server.Model.ImagesUnderWay == 1);
        int passes = server.Model.Passes;

        await leave.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
        await RunningServer.EventuallyAsync(() => server.Model.ImagesUnderWay == 0);
        int more = server.Model.Passes - passes;
        Assert.True(more < 200, $"{more} more passes were run; the whole image has 255.");
        Assert.Equal(HttpStatusCode.OK, (await server.GenerateAsync(new { prompt = "a fox" })).StatusCode);
    }

    [Fact]
    public async Task A_request_that_is_cancelled_ends_with_the_pass_that_is_running()
    {
        await using RunningServer server = await (await RunningServer.StartAsync()).WhenReadyAsync();
        var request = new DrawingRequest
        {
            Model = server.Services.GetRequiredService<ModelPool>().Default,
            First = new GenerationRequest { Prompt = "a fox" },
            Options = new GenerationOptions { Method = DecodingMethods.BuiltIn[Slow].Default },
            Count = 4,
        };
        using var leave = new CancellationTokenSource();
        int? passes = null;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (DrawingEvent happened in server.Services.GetRequiredService<DrawingService>().StreamAsync(request, leave.Token))
            {
                if (passes is null && happened.Event is GenerationProgress { ForwardPasses: >= 5 })
                {
                    await leave.CancelAsync();
                    passes = server.Model.Passes;
                }
            }
        });

        Assert.InRange(server.Model.Passes - passes!.Value, 0, 1);
        Assert.Equal(0, server.Model.ImagesUnderWay);
    }

    [Fact]
    public async Task A_request_that_takes_too_long_is_answered_with_504()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            static options => options.TimeLimit = TimeSpan.FromMilliseconds(300));
        await server.WhenReadyAsync();

        HttpResponseMessage[] responses = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(seed => server.GenerateAsync(new { prompt = "a fox", seed, method = Slow })));

        Assert.All(responses, static response => Assert.Equal(HttpStatusCode.GatewayTimeout, response.StatusCode));
        var message = (string)(await responses[0].JsonAsync())["error"]!["message"]!;
        Assert.Contains("not finished within 0.3 s", message, StringComparison.Ordinal);
        await RunningServer.EventuallyAsync(() => server.Model.ImagesUnderWay == 0);
    }

    [Fact]
    public async Task A_server_that_stops_finishes_what_was_begun()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            static options => options.ShutdownGrace = TimeSpan.FromMinutes(5));
        await server.WhenReadyAsync();
        Task<HttpResponseMessage>[] drawings =
            [.. Enumerable.Range(0, 10).Select(seed => server.GenerateAsync(new { prompt = "a fox", seed, window = 16 }))];
        await RunningServer.EventuallyAsync(() => server.Model.ImagesUnderWay == 8 && server.Model.QueueLength == 2);

        Task stopping = server.StopAsync();

        foreach (Task<HttpResponseMessage> drawing in drawings)
            Answers.AssertPng((await (await drawing).JsonAsync()).Image());
        await stopping;
        await Assert.ThrowsAsync<HttpRequestException>(() => server.Client.GetAsync("/health/live"));
    }

    [Fact]
    public async Task A_server_that_stops_answers_what_it_cannot_finish_in_time()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            static options => (options.ShutdownGrace, options.MaxPendingImages) = (TimeSpan.FromMilliseconds(200), 100));
        await server.WhenReadyAsync();
        Task<HttpResponseMessage>[] drawings =
            [.. Enumerable.Range(0, 16).Select(seed => server.GenerateAsync(new { prompt = "a fox", seed, method = Slow }))];
        Task<HttpResponseMessage> stream = server.GenerateAsync(new { prompt = "a fox", method = Slow, stream = true });
        await RunningServer.EventuallyAsync(() => server.Model is { ImagesUnderWay: 8, QueueLength: 9 });

        await server.StopAsync();

        foreach (HttpResponseMessage response in (HttpResponseMessage[])[.. await Task.WhenAll(drawings), await stream])
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
            Assert.Equal("server_stopping", (string)(await response.JsonAsync())["error"]!["code"]!);
            Assert.True(response.Headers.Contains("Retry-After"));
        }
    }
}
