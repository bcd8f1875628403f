using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using SjdOnnx.Extensions.Hosting;
using SjdOnnx.Runtime;

namespace SjdOnnx.Extensions.Tests;

public sealed class HostingTests
{
    private const string Prompt = "a fox on a blue background";

    [Fact]
    public async Task A_host_loads_the_model_that_its_configuration_names_and_disposes_it()
    {
        using IHost host = Host(new() { ["Model"] = BuiltInModel.Folder, ["Precision"] = "fp32", ["Threads"] = "1", ["MaxBatch"] = "2" });
        await host.StartAsync();
        TextToImage model = host.Services.GetRequiredService<TextToImage>();

        GeneratedImage image = await model.GenerateAsync(Prompt);

        Assert.Equal(Precision.Fp32, image.Settings.Precision);
        Assert.Equal(1, image.Settings.Threads);
        await host.StopAsync();
        await ((IAsyncDisposable)host).DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => model.GenerateAsync(Prompt));
    }

    [Theory]
    [InlineData("Model", "", "Model is empty")]
    [InlineData("Model", "/no/such/folder", "There is no model folder")]
    [InlineData("Provider", "tpu", "choose one of cpu, cuda, tensorrt, dml")]
    [InlineData("Precision", "INT8", "must be a name such as fp32")]
    [InlineData("Precision", "fp64", "has no precision 'fp64'")]
    [InlineData("Threads", "-1", "Threads must be 0 or more")]
    [InlineData("MaxBatch", "0", "MaxBatch must be 1 or more")]
    [InlineData("MaxQueueLength", "0", "MaxQueueLength must be 1 or more")]
    public async Task Wrong_configuration_stops_the_host_at_its_start_with_a_sentence(string key, string value, string sentence)
    {
        using IHost host = Host(new() { ["Model"] = BuiltInModel.Folder, [key] = value });

        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());

        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_health_check_says_when_the_model_is_loaded()
    {
        using IHost host = Host(new() { ["Model"] = BuiltInModel.Folder });
        HealthCheckService health = host.Services.GetRequiredService<HealthCheckService>();
        Assert.Equal(HealthStatus.Unhealthy, (await health.CheckHealthAsync()).Status);

        await host.StartAsync();

        HealthReport report = await health.CheckHealthAsync();
        Assert.Equal(HealthStatus.Healthy, report.Status);
        Assert.Equal("emoji", report.Entries["sjdonnx"].Data["model"]);
        await host.StopAsync();
    }

    [Fact]
    public async Task The_log_names_the_model_and_each_image()
    {
        var log = new LineLog();
        using IHost host = Host(new() { ["Model"] = BuiltInModel.Folder }, builder => builder.Logging.AddProvider(log));
        await host.StartAsync();

        await host.Services.GetRequiredService<TextToImage>().GenerateAsync(Prompt, new GenerationOptions { Window = 16 });

        await host.StopAsync();
        Assert.Contains(log.Lines, line => line.Contains("Loaded emoji at int8", StringComparison.Ordinal));
        Assert.Contains(log.Lines, line => line.StartsWith("Image by exact: 256 tokens in ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Images_tokens_passes_and_seconds_are_measured()
    {
        var measured = new ConcurrentDictionary<string, double>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == TextToImage.TelemetryName)
                self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>(
            (instrument, value, _, _) => measured.AddOrUpdate(instrument.Name, value, (_, sum) => sum + value));
        listener.SetMeasurementEventCallback<double>((instrument, value, _, _) => measured[instrument.Name] = value);
        listener.Start();
        await using TextToImage model = await TextToImage.LoadAsync(
            BuiltInModel.Folder, new TextToImageOptions { CacheFolder = BuiltInModel.Cache });

        GeneratedImage image = await model.GenerateAsync(Prompt, new GenerationOptions { Window = 16 });

        Assert.True(measured["sjdonnx.images"] >= 1); // other tests of the process draw too
        Assert.True(measured["sjdonnx.tokens"] >= image.ImageTokens);
        Assert.True(measured["sjdonnx.passes"] >= image.ForwardPasses);
        Assert.True(measured["sjdonnx.tokens_per_pass"] > 0);
        Assert.True(measured["sjdonnx.image.duration"] > 0);
        Assert.True(measured.ContainsKey("sjdonnx.queue.length"));
    }

    private static IHost Host(Dictionary<string, string?> configuration, Action<HostApplicationBuilder>? more = null)
    {
        HostApplicationBuilder builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        configuration.TryAdd("CacheFolder", BuiltInModel.Cache);
        builder.Configuration.AddInMemoryCollection(configuration);
        builder.Services.AddSjdOnnx(builder.Configuration);
        more?.Invoke(builder);
        return builder.Build();
    }

    private sealed class LineLog : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception));

        public void Dispose()
        {
        }
    }
}
