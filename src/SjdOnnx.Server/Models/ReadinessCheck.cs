using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace SjdOnnx.Server.Models;

/// <summary>Healthy from the moment when the default model is loaded and warmed up until the server stops.</summary>
internal sealed class ReadinessCheck(DefaultModelLoader loader, IHostApplicationLifetime host) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(host.ApplicationStopping.IsCancellationRequested ? HealthCheckResult.Unhealthy("The server is stopping.")
            : loader.IsDone ? HealthCheckResult.Healthy()
            : HealthCheckResult.Unhealthy("The model is being loaded."));
}
