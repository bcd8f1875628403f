using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using SjdOnnx.Server.Http;

namespace SjdOnnx.Server.Drawing;

/// <summary>
/// When the host stops, requests under way go on for <see cref="SjdOnnxServerOptions.ShutdownGrace"/>, and new ones are refused.
/// </summary>
internal sealed class ServerLifetime : IDisposable
{
    private readonly CancellationTokenSource _ending = new();
    private readonly CancellationTokenRegistration _stopping;
    private readonly IHostApplicationLifetime _host;

    public ServerLifetime(IHostApplicationLifetime host, IOptions<SjdOnnxServerOptions> options)
    {
        _host = host;
        TimeSpan grace = options.Value.ShutdownGrace;
        _stopping = host.ApplicationStopping.Register(() => _ending.CancelAfter(grace));
    }

    /// <summary>Whether the host stops.</summary>
    public bool IsStopping => _host.ApplicationStopping.IsCancellationRequested;

    /// <summary>Cancelled when the grace is over.</summary>
    public CancellationToken Ending => _ending.Token;

    /// <summary>What requests are told that come too late, or are not finished in time.</summary>
    public static RefusalException Refusal() => new(
        StatusCodes.Status503ServiceUnavailable, "The server is stopping. Try again later.", "server_stopping")
    {
        RetryAfter = TimeSpan.FromSeconds(10),
    };

    public void Dispose()
    {
        _stopping.Dispose();
        _ending.Dispose();
    }
}
