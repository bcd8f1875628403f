using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace SjdOnnx.Server.Tests;

/// <summary>What an OpenTelemetry collector receives.</summary>
public sealed class ObservationTests
{
    private const string Prompt = "four strawberries on a pink background";

    [Fact]
    public async Task Traces_metrics_and_logs_of_images_reach_a_collector_without_prompts_and_health_checks()
    {
        var received = new ConcurrentDictionary<string, string>();
        await using WebApplication collector = await CollectAsync(received);
        Environment.SetEnvironmentVariable("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        try
        {
            await using RunningServer server = await RunningServer.StartAsync(
                change: options => options with { Otlp = new Uri(collector.Urls.First()) });
            await server.WhenReadyAsync();
            Assert.True((await server.GenerateAsync(new { prompt = Prompt, seed = 1 })).IsSuccessStatusCode);

            server.Services.GetRequiredService<TracerProvider>().ForceFlush();
            server.Services.GetRequiredService<MeterProvider>().ForceFlush();
            server.Services.GetRequiredService<LoggerProvider>().ForceFlush();
            await RunningServer.EventuallyAsync(() => received.Count == 3);
        }
        finally
        {
            Environment.SetEnvironmentVariable("OTEL_EXPORTER_OTLP_PROTOCOL", null);
        }

        Assert.Contains("generate_image", received["/v1/traces"], StringComparison.Ordinal);
        Assert.Contains("POST /v1/images/generations", received["/v1/traces"], StringComparison.Ordinal);
        Assert.DoesNotContain("/health", received["/v1/traces"], StringComparison.Ordinal);
        foreach (string metric in (string[])["sjdonnx.images", "sjdonnx.server.pending_images", "http.server.request.duration"])
            Assert.Contains(metric, received["/v1/metrics"], StringComparison.Ordinal);
        Assert.Contains("Drew {Images} of {Model}", received["/v1/logs"], StringComparison.Ordinal);
        Assert.All(received.Values, static text => Assert.DoesNotContain("strawberries", text, StringComparison.Ordinal));
    }

    /// <summary>A collector of OTLP over HTTP. Texts in its messages are UTF-8 between other bytes.</summary>
    private static async Task<WebApplication> CollectAsync(ConcurrentDictionary<string, string> received)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0")
            .ConfigureKestrel(static kestrel => kestrel.ConfigureEndpointDefaults(static end => end.Protocols = HttpProtocols.Http1));
        WebApplication collector = builder.Build();
        collector.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            received.AddOrUpdate(
                context.Request.Path, Encoding.UTF8.GetString(body.ToArray()),
                (_, before) => before + Encoding.UTF8.GetString(body.ToArray()));
            context.Response.StatusCode = StatusCodes.Status200OK;
        });
        await collector.StartAsync();
        return collector;
    }
}
