using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;

namespace SjdOnnx.Server.Page;

/// <summary>A file of the web page, which is part of this assembly.</summary>
internal sealed class PageFile
{
    /// <summary>The page loads its own files and nothing else, and no other page may show it in a frame.</summary>
    private const string ContentPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; " +
        "form-action 'none'; frame-ancestors 'none'";

    private readonly string _mediaType;
    private readonly byte[] _bytes;
    private readonly string _tag;

    private PageFile(string path, string resource, string mediaType)
    {
        (Path, _mediaType) = (path, mediaType);
        using Stream stream = typeof(PageFile).Assembly.GetManifestResourceStream(resource)!;
        _bytes = new byte[stream.Length];
        stream.ReadExactly(_bytes);
        _tag = $"\"{Convert.ToHexStringLower(SHA256.HashData(_bytes))[..16]}\"";
    }

    /// <summary>Every file.</summary>
    public static IReadOnlyList<PageFile> All { get; } =
    [
        new("/", "index.html", "text/html; charset=utf-8"),
        new("/page.css", "page.css", "text/css; charset=utf-8"),
        new("/page.js", "page.js", "text/javascript; charset=utf-8"),
        new("/canvas.js", "canvas.js", "text/javascript; charset=utf-8"),
        new("/events.js", "events.js", "text/javascript; charset=utf-8"),
        new("/icon.svg", "icon.svg", "image/svg+xml"),
    ];

    public string Path { get; }

    public async Task WriteAsync(HttpContext context)
    {
        IHeaderDictionary headers = context.Response.Headers;
        headers.CacheControl = "no-cache"; // a new version shows at once; an old one is not sent again
        headers.ETag = _tag;
        headers.ContentSecurityPolicy = ContentPolicy;
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()";
        if (context.Request.Headers.IfNoneMatch == _tag)
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        context.Response.ContentType = _mediaType;
        context.Response.ContentLength = _bytes.Length;
        await context.Response.BodyWriter.WriteAsync(_bytes).ConfigureAwait(false);
    }
}
