using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using SjdOnnx.Server.Drawing;
using SjdOnnx.Server.OpenAI;
using SjdOnnx.Server.Page;
using SjdOnnx.Server.WebUI;

namespace SjdOnnx.Server;

/// <summary>Maps the server's addresses.</summary>
public static class SjdOnnxEndpointRouteBuilderExtensions
{
    /// <summary>
    /// Maps OpenAI's images API (<c>/v1</c>), the API of Stable Diffusion web UI (<c>/sdapi/v1</c>), the web page (<c>/</c>) and its API
    /// (<c>/api</c>), and <c>/health/live</c> and <c>/health/ready</c>.
    /// </summary>
    /// <param name="routes">The application, whose services hold those of <c>AddSjdOnnxServer</c>.</param>
    /// <returns>For conventions that hold for all of these addresses.</returns>
    public static IEndpointConventionBuilder MapSjdOnnx(this IEndpointRouteBuilder routes)
    {
        ArgumentNullException.ThrowIfNull(routes);
        IServiceProvider services = routes.ServiceProvider;
        SjdOnnxServerOptions options = services.GetRequiredService<IOptions<SjdOnnxServerOptions>>().Value;
        services.GetRequiredService<ServerLifetime>(); // notices the stop from the beginning
        RouteGroupBuilder group = routes.MapGroup("");
        services.GetRequiredService<OpenAIEndpoints>().Map(group);
        services.GetRequiredService<WebUIEndpoints>().Map(group);
        services.GetRequiredService<PageEndpoints>().Map(group, options.ServePage);
        group.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = static _ => false });
        group.MapHealthChecks("/health/ready", new HealthCheckOptions
        {
            Predicate = static check => check.Tags.Contains(SjdOnnxServerServiceCollectionExtensions.ReadyTag),
        });
        if (options.CorsOrigins.Count > 0)
            group.RequireCors(SjdOnnxServerServiceCollectionExtensions.CorsPolicy);
        return group;
    }
}
