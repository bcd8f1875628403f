using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SjdOnnx.Runtime;

namespace SjdOnnx.Server.Models;

/// <summary>Loads the default model while the server already answers. A server whose default model cannot be loaded stops.</summary>
internal sealed partial class DefaultModelLoader(ModelPool models, IHostApplicationLifetime host, ILogger<DefaultModelLoader> logger)
    : BackgroundService
{
    /// <summary>Whether the model is loaded and has run a forward pass.</summary>
    public bool IsDone { get; private set; }

    /// <summary>Why the model could not be loaded; null if it could, or is being loaded.</summary>
    public Exception? Failure { get; private set; }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            using ModelLease lease = await models.LeaseAsync(models.Default, stoppingToken).ConfigureAwait(false);
            IsDone = true;
        }
        catch (Exception) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops before the model is loaded.
        }
        catch (Exception error)
        {
            Failure = error;
            LogFailed(error is SjdOnnxException ? null : error, models.Default.Name, error.Message);
            host.StopApplication();
        }
    }

    [LoggerMessage(LogLevel.Critical, "{Model} could not be loaded, so the server stops. {Reason}")]
    private partial void LogFailed(Exception? error, string model, string reason);
}
