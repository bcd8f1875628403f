using System.Diagnostics;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using SjdOnnx.Runtime;
using SjdOnnx.Server.Drawing;
using SjdOnnx.Server.Http;

namespace SjdOnnx.Server.Access;

/// <summary>Writes a refusal in the form that an API's clients know.</summary>
internal delegate Task WriteRefusal(HttpContext context, RefusalException refusal);

/// <summary>Stands before every address of the server: who may use it, limits, and an answer for every failure.</summary>
internal sealed partial class RequestGate(Visitors visitors, IOptions<SjdOnnxServerOptions> options, ILogger<RequestGate> logger)
{
    // The status that web servers log for a client that has left. It is never sent.
    private const int ClientClosedRequest = 499;

    /// <summary>Puts the checks before a handler and turns its exceptions into answers.</summary>
    /// <param name="handle">Answers the request.</param>
    /// <param name="write">Answers it with a refusal.</param>
    /// <param name="isOpen">Whether no key is needed.</param>
    public RequestDelegate Of(RequestDelegate handle, WriteRefusal write, bool isOpen = false) => async context =>
    {
        RefusalException refusal;
        try
        {
            context.Response.Headers.CacheControl = "no-store";
            context.Response.Headers.XContentTypeOptions = "nosniff";
            visitors.Check(context, isOpen);
            if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } body)
                body.MaxRequestBodySize = options.Value.MaxBodyBytes;
            await handle(context).ConfigureAwait(false);
            return;
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            LogLeft(context.Request.Path);
            context.Response.StatusCode = context.Response.HasStarted ? context.Response.StatusCode : ClientClosedRequest;
            return;
        }
        catch (Exception error)
        {
            refusal = Of(error, context);
        }

        LogRefused(context.Request.Path, refusal.Status, refusal.Code, refusal.LoggedReason);
        if (context.Response.HasStarted)
        {
            context.Abort(); // half an answer must not look like a whole one
            return;
        }

        if (refusal.RetryAfter is { } wait)
            context.Response.Headers.RetryAfter = FormattableString.Invariant($"{(int)Math.Ceiling(wait.TotalSeconds)}");
        if (refusal.Status is StatusCodes.Status503ServiceUnavailable or StatusCodes.Status413PayloadTooLarge)
            context.Response.Headers.Connection = "close";
        context.Response.StatusCode = refusal.Status;
        await write(context, refusal).ConfigureAwait(false);
    };

    /// <summary>
    /// Answers with server-sent events. A failure before the first of them has an ordinary answer, and a later one is the event
    /// <c>error</c>.
    /// </summary>
    /// <param name="context">The request.</param>
    /// <param name="events">What happens.</param>
    /// <param name="write">Writes one of them, or nothing.</param>
    public async Task StreamAsync<T>(HttpContext context, IAsyncEnumerable<T> events, Func<EventStream, T, Task> write)
    {
        var stream = new EventStream(context.Response, options.Value.KeepAlive);
        try
        {
            await stream.WriteAllAsync(events, happened => write(stream, happened)).ConfigureAwait(false);
        }
        catch (Exception error) when (context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
        {
            RefusalException refusal = Of(error, context);
            LogRefused(context.Request.Path, refusal.Status, refusal.Code, refusal.LoggedReason);
            await stream.WriteAsync("error", ErrorAnswer.Of(refusal), ErrorAnswer.Json).ConfigureAwait(false);
        }
    }

    /// <summary>What a client is told of a failure. Reasons that concern the machine stay in the log.</summary>
    public RefusalException Of(Exception error, HttpContext context)
    {
        switch (error)
        {
            case RefusalException refusal:
                return refusal;
            case RequestException:
                return new RefusalException(StatusCodes.Status400BadRequest, error.Message, "invalid_value")
                {
                    LoggedReason = "The model cannot draw this request. The answer has the reason, which may quote the prompt.",
                };
            case BadHttpRequestException bad:
                return new RefusalException(bad.StatusCode, bad.StatusCode switch
                {
                    StatusCodes.Status413PayloadTooLarge =>
                        FormattableString.Invariant($"The body is too large; it must have at most {options.Value.MaxBodyBytes} bytes."),
                    StatusCodes.Status408RequestTimeout => "The body came too slowly.",
                    _ => "The body was cut off, or is not what its headers say.",
                }, "invalid_body");
            case OperationCanceledException or ObjectDisposedException: // of the models, which only the server's end disposes
                return ServerLifetime.Refusal();
            case ConnectionResetException:
                return new RefusalException(StatusCodes.Status400BadRequest, "The body was cut off.", "invalid_body");
            case ModelException or ProviderException:
                LogFailed(error, context.Request.Path);
                return new RefusalException(StatusCodes.Status503ServiceUnavailable,
                    "The model could not be loaded. The server's log has the reason.", "model_not_loaded");
            default:
                LogFailed(error, context.Request.Path);
                return new RefusalException(StatusCodes.Status500InternalServerError,
                    "The image could not be drawn. The server's log has the reason" +
                    $" under the trace {Activity.Current?.TraceId.ToString() ?? context.TraceIdentifier}.", "server_error");
        }
    }

    [LoggerMessage(LogLevel.Information, "{Path}: the client left before the answer.")]
    private partial void LogLeft(string path);

    [LoggerMessage(LogLevel.Information, "{Path}: {Status} {Code}. {Reason}")]
    private partial void LogRefused(string path, int status, string code, string reason);

    [LoggerMessage(LogLevel.Error, "{Path} failed.")]
    private partial void LogFailed(Exception error, string path);
}
