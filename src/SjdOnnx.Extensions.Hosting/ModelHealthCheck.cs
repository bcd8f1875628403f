using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace SjdOnnx.Extensions.Hosting;

/// <summary>
/// Healthy when the model is loaded, degraded when its queue is almost full, unhealthy when the model could not be loaded.
/// </summary>
internal sealed class ModelHealthCheck(ModelHost host, IOptions<SjdOnnxOptions> options) : IHealthCheck
{
    private const double AlmostFull = 0.9;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        (Runtime.TextToImage? model, Exception? error) = host.State;
        if (model is null)
        {
            return Task.FromResult(HealthCheckResult.Unhealthy(
                error is null ? "The model is being loaded." : "The model could not be loaded.", error));
        }

        var data = new Dictionary<string, object>
        {
            ["model"] = model.Model.Name,
            ["queueLength"] = model.QueueLength,
            ["imagesUnderWay"] = model.ImagesUnderWay,
        };
        return Task.FromResult(model.QueueLength >= AlmostFull * options.Value.MaxQueueLength
            ? HealthCheckResult.Degraded($"{model.QueueLength} requests wait; {options.Value.MaxQueueLength} is the limit.", data: data)
            : HealthCheckResult.Healthy($"{model.Model.Name} is loaded.", data));
    }
}
