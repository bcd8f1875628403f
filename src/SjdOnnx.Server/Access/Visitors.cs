using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using SjdOnnx.Server.Http;

namespace SjdOnnx.Server.Access;

/// <summary>Who may use the server: checked before a request's body is read.</summary>
internal sealed class Visitors(IOptions<SjdOnnxServerOptions> options)
{
    private readonly SjdOnnxServerOptions _options = options.Value;
    private readonly ApiKeys _keys = new(options.Value.ApiKeys);

    /// <summary>Refuses requests that come from elsewhere, from another site's page, or without a key.</summary>
    /// <param name="context">The request.</param>
    /// <param name="isOpen">Whether the answer is the same for everyone and needs no key, as the web page is.</param>
    /// <exception cref="RefusalException">The request is refused.</exception>
    public void Check(HttpContext context, bool isOpen)
    {
        if (!_keys.AreNeeded)
            CheckLocal(context);
        CheckOrigin(context.Request);
        if (!isOpen && _keys.AreNeeded && !_keys.Authorize(context.Request.Headers.Authorization))
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
            throw new RefusalException(StatusCodes.Status401Unauthorized,
                "The API key is missing or wrong. Send it as 'Authorization: Bearer KEY'.", "invalid_api_key");
        }
    }

    /// <summary>Without keys, the server is for this machine alone.</summary>
    private void CheckLocal(HttpContext context)
    {
        if (context.Connection.LocalIpAddress is { } local && !IPAddress.IsLoopback(local))
        {
            throw new RefusalException(StatusCodes.Status403Forbidden,
                "This server has no API keys, so it serves only connections from its own machine.", "not_local");
        }

        string host = context.Request.Host.Host;
        bool isLocalName = host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
            || IPAddress.TryParse(host.Trim('[', ']'), out _)
            || _options.AllowedHosts.Contains(host, StringComparer.OrdinalIgnoreCase);
        if (!isLocalName)
        {
            throw new RefusalException(StatusCodes.Status403Forbidden,
                "The Host header names another host. Use localhost or an IP address, or allow the name in the server's configuration.",
                "unknown_host");
        }
    }

    /// <summary>A browser names the site whose page sends a request. Other programs send no origin.</summary>
    private void CheckOrigin(HttpRequest request)
    {
        string? origin = request.Headers.Origin;
        if (string.IsNullOrEmpty(origin)
            || _options.CorsOrigins.Contains(origin, StringComparer.OrdinalIgnoreCase)
            || origin.Equals($"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase))
            return;
        throw new RefusalException(StatusCodes.Status403Forbidden,
            "The request comes from the page of another site, whose origin is not allowed in the server's configuration.",
            "unknown_origin");
    }
}
