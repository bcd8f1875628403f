using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using SjdOnnx.Runtime;

namespace SjdOnnx.Extensions.Hosting;

/// <summary>Adds a model to a host.</summary>
public static class SjdOnnxServiceCollectionExtensions
{
    /// <summary>
    /// Adds a <see cref="TextToImage"/>, which is loaded when the host starts and disposed with its services, its log and a health check
    /// called
    /// <c>sjdonnx</c>. The options are checked at start. For traces and metrics add <see cref="TextToImage.TelemetryName"/> to
    /// OpenTelemetry's sources and meters.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configuration">The section that holds <see cref="SjdOnnxOptions"/>.</param>
    public static IServiceCollection AddSjdOnnx(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return services.AddSjdOnnx(options => configuration.Bind(options));
    }

    /// <inheritdoc cref="AddSjdOnnx(IServiceCollection, IConfiguration)"/>
    /// <param name="configure">Sets the options.</param>
    public static IServiceCollection AddSjdOnnx(this IServiceCollection services, Action<SjdOnnxOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.AddOptions<SjdOnnxOptions>().Configure(configure).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<SjdOnnxOptions>, SjdOnnxOptionsValidator>());
        services.TryAddSingleton<ModelHost>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, ModelHost>(
            static provider => provider.GetRequiredService<ModelHost>()));
        services.TryAddSingleton(static provider => provider.GetRequiredService<ModelHost>().Model);
        services.AddHealthChecks().AddCheck<ModelHealthCheck>("sjdonnx");
        return services;
    }
}
