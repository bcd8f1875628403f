using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using SjdOnnx.Cli.Serve;
using SjdOnnx.Runtime;
using SjdOnnx.Server.Models;

// Servers would share two processors, and a test of many clients should be about the server and not about its neighbors.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace SjdOnnx.Server.Tests;

/// <summary>The server of <c>sjd serve</c> with the built-in model, on a port of its own.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private RunningServer(WebApplication app)
    {
        _app = app;
        string address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        Client = new HttpClient { BaseAddress = new Uri(address), Timeout = TimeSpan.FromMinutes(2) };
    }

    public static string ModelFolder { get; } = Path.Combine(Root(), "onnx-models", "emoji");

    public HttpClient Client { get; }

    public Uri Address => Client.BaseAddress!;

    public IServiceProvider Services => _app.Services;

    /// <summary>The default model; it must be loaded.</summary>
    public TextToImage Model => Services.GetRequiredService<ModelPool>().Default.Loaded!;

    /// <param name="configure">Changes the server's options.</param>
    /// <param name="change">Changes the options of the command line.</param>
    public static async Task<RunningServer> StartAsync(
        Action<SjdOnnxServerOptions>? configure = null, Func<ServeOptions, ServeOptions>? change = null)
    {
        var options = new ServeOptions
        {
            Addresses = [new ServeAddress("http://127.0.0.1:0", IsLoopback: true)],
            Models = [new ServedModel("emoji", ModelFolder)],
            Loading = new TextToImageOptions { CacheFolder = "", HashVerification = HashVerification.None },
            Configure = configure ?? (static _ => { }),
        };
        WebApplication app = ServeHost.Build(change?.Invoke(options) ?? options);
        await app.StartAsync();
        return new RunningServer(app);
    }

    /// <summary>Waits until the default model is loaded.</summary>
    public async Task<RunningServer> WhenReadyAsync()
    {
        await EventuallyAsync(async () => (await Client.GetAsync("/health/ready")).IsSuccessStatusCode);
        return this;
    }

    public Task<HttpResponseMessage> PostAsync(string path, object body, CancellationToken cancellation = default) =>
        Client.PostAsync(path, JsonContent.Create(body), cancellation);

    /// <summary>Posts to OpenAI's images API.</summary>
    public Task<HttpResponseMessage> GenerateAsync(object body, CancellationToken cancellation = default) =>
        PostAsync("/v1/images/generations", body, cancellation);

    /// <summary>Begins to stop the server.</summary>
    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }

    /// <summary>Waits until something is so, for a minute at most.</summary>
    public static async Task EventuallyAsync(Func<Task<bool>> isSo, [CallerArgumentExpression(nameof(isSo))] string what = "")
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!await isSo())
        {
            Assert.False(patience.IsCancellationRequested, $"Not within a minute: {what}");
            await Task.Delay(20);
        }
    }

    /// <inheritdoc cref="EventuallyAsync(Func{Task{bool}}, string)"/>
    public static Task EventuallyAsync(Func<bool> isSo, [CallerArgumentExpression(nameof(isSo))] string what = "") =>
        EventuallyAsync(() => Task.FromResult(isSo()), what);

    private static string Root([CallerFilePath] string file = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", ".."));
}

/// <summary>A server with default options, for the tests that change nothing about it.</summary>
public sealed class DefaultServer : IAsyncLifetime
{
    internal RunningServer Server { get; private set; } = null!;

    internal HttpClient Client => Server.Client;

    public async Task InitializeAsync() => Server = await (await RunningServer.StartAsync()).WhenReadyAsync();

    public async Task DisposeAsync() => await Server.DisposeAsync();
}

/// <summary>Tests that share <see cref="DefaultServer"/>.</summary>
[CollectionDefinition(nameof(DefaultServer))]
public class DefaultServerTests : ICollectionFixture<DefaultServer>;

internal static class Answers
{
    public static readonly byte[] PngSignature = [0x89, (byte)'P', (byte)'N', (byte)'G'];

    public static async Task<JsonNode> JsonAsync(this HttpResponseMessage response) =>
        JsonNode.Parse(await response.Content.ReadAsStringAsync())!;

    /// <summary>The bytes of the image in an answer of OpenAI's API.</summary>
    public static byte[] Image(this JsonNode answer, int index = 0) =>
        Convert.FromBase64String((string)answer["data"]![index]!["b64_json"]!);

    public static void AssertPng(byte[] file) => Assert.Equal(PngSignature, file[..4]);
}
