using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using SjdOnnx.Extensions.Hosting;
using SjdOnnx.Server.Access;
using SjdOnnx.Server.Drawing;
using SjdOnnx.Server.Models;
using SjdOnnx.Server.OpenAI;
using SjdOnnx.Server.Page;
using SjdOnnx.Server.WebUI;

namespace SjdOnnx.Server;

/// <summary>Adds the services that <see cref="SjdOnnxEndpointRouteBuilderExtensions.MapSjdOnnx"/> needs.</summary>
public static class SjdOnnxServerServiceCollectionExtensions
{
    /// <summary>The tag of the health check that says whether the default model is loaded.</summary>
    internal const string ReadyTag = "sjdonnx-ready";

    /// <summary>The CORS policy of <see cref="SjdOnnxServerOptions.CorsOrigins"/>.</summary>
    internal const string CorsPolicy = "SjdOnnx";

    /// <summary>
    /// Adds a server of models: they are loaded when they are asked for, and the default model at start. The options are checked at start.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configuration">The section that holds <see cref="SjdOnnxServerOptions"/>.</param>
    public static IServiceCollection AddSjdOnnxServer(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return services.AddSjdOnnxServer(options => configuration.Bind(options));
    }

    /// <inheritdoc cref="AddSjdOnnxServer(IServiceCollection, IConfiguration)"/>
    /// <param name="configure">Sets the options.</param>
    public static IServiceCollection AddSjdOnnxServer(this IServiceCollection services, Action<SjdOnnxServerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.AddOptions<SjdOnnxServerOptions>().Configure(configure).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<SjdOnnxServerOptions>, SjdOnnxServerOptionsValidator>());
        // Requests under way are answered before the host gives up waiting for them.
        services.AddOptions<HostOptions>().Configure<IOptions<SjdOnnxServerOptions>>(static (host, server) =>
            host.ShutdownTimeout = Max(host.ShutdownTimeout, server.Value.ShutdownGrace + TimeSpan.FromSeconds(10)));

        services.TryAddSingleton(TimeProvider.System);
        services.AddMetrics();
        services.TryAddSingleton<ServerTelemetry>();
        services.TryAddSingleton(static provider => new ImageLog(provider.GetRequiredService<ILogger<Runtime.TextToImage>>()));
        services.TryAddSingleton<ModelPool>();
        services.TryAddSingleton<DefaultModelLoader>();
        services.AddHostedService(static provider =>
        {
            provider.GetRequiredService<ImageLog>();
            return provider.GetRequiredService<DefaultModelLoader>();
        });
        services.AddHealthChecks().AddCheck<ReadinessCheck>("sjdonnx-server", tags: [ReadyTag]);

        services.TryAddSingleton<ServerLifetime>();
        services.TryAddSingleton<PendingImages>();
        services.TryAddSingleton<DrawingFields>();
        services.TryAddSingleton<DrawingService>();
        services.TryAddSingleton<Visitors>();
        services.TryAddSingleton<RequestGate>();
        services.TryAddSingleton<HostedImages>();
        services.TryAddSingleton<CurrentJob>();
        services.TryAddSingleton<OpenAIEndpoints>();
        services.TryAddSingleton<WebUIEndpoints>();
        services.TryAddSingleton<PageEndpoints>();
        services.AddRouting();
        services.AddCors();
        services.AddOptions<Microsoft.AspNetCore.Cors.Infrastructure.CorsOptions>().Configure<IOptions<SjdOnnxServerOptions>>(
            static (cors, server) => cors.AddPolicy(CorsPolicy, policy => policy
                .WithOrigins([.. server.Value.CorsOrigins]).AllowAnyHeader().WithMethods("GET", "POST").WithExposedHeaders("Retry-After")));
        return services;
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
