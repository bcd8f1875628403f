using System.Diagnostics;
using System.Net;
using System.Text.Json;

namespace SjdOnnx.Extensions.Tests;

/// <summary>The example examples/WebApi as a client sees it.</summary>
public sealed class WebApiTests : IAsyncLifetime, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly HttpClient _client = new();
    private Process _server = null!;

    public async Task InitializeAsync()
    {
        string project = Path.Combine(BuiltInModel.Root(), "examples", "WebApi");
        string program = Directory
            .EnumerateFiles(Path.Combine(project, "bin"), "sjdonnx-webapi.dll", SearchOption.AllDirectories)
            .MaxBy(File.GetLastWriteTimeUtc)!;
        _server = Process.Start(new ProcessStartInfo("dotnet", [program, "--urls", "http://127.0.0.1:0"])
        {
            WorkingDirectory = project,
            RedirectStandardOutput = true,
            Environment = { ["SJDONNX_CACHE"] = BuiltInModel.Cache },
        })!;
        const string Listening = "Now listening on: ";
        using var patience = new CancellationTokenSource(Patience);
        while (await _server.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            if (!line.Contains(Listening, StringComparison.Ordinal))
                continue;
            _client.BaseAddress = new Uri(line.Split(Listening)[1]);
            _ = _server.StandardOutput.ReadToEndAsync(CancellationToken.None); // so that the server never waits for a reader
            return;
        }

        Assert.Fail("The server ended before it listened.");
    }

    public async Task DisposeAsync()
    {
        _server.Kill();
        await _server.WaitForExitAsync();
        _server.Dispose();
    }

    public void Dispose() => _client.Dispose();

    [Fact]
    public async Task Images_and_streams_of_concurrent_clients_are_served()
    {
        Task<byte[]>[] images = [.. Enumerable.Range(0, 4).Select(seed => _client.GetByteArrayAsync($"/images?prompt=a+fox&seed={seed}"))];
        Task<string> stream = _client.GetStringAsync("/images/stream?prompt=a+fox+on+a+blue+background");

        Assert.All(await Task.WhenAll(images), image => Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], image[..4]));
        string[] events = (await stream).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains(events, text => text.StartsWith("event: progress\n", StringComparison.Ordinal));
        Assert.Contains(events, text => text.StartsWith("event: preview\n", StringComparison.Ordinal));
        using JsonDocument last = JsonDocument.Parse(events[^1].Split("data: ")[1]);
        Assert.Equal("completed", last.RootElement.GetProperty("type").GetString());
        byte[] png = last.RootElement.GetProperty("image").GetProperty("pixels").GetProperty("data").GetBytesFromBase64();
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], png[..4]);
        Assert.Equal("Healthy", await _client.GetStringAsync("/health"));
    }

    [Fact]
    public async Task A_prompt_that_cannot_be_drawn_is_a_bad_request_with_the_reason()
    {
        HttpResponseMessage response = await _client.GetAsync("/images?prompt=%20");

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("The prompt is empty", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Contains(
            "The prompt is empty", await _client.GetStringAsync("/images/stream?prompt=%20"), StringComparison.Ordinal);
    }
}
