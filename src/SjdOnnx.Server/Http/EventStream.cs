using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace SjdOnnx.Server.Http;

/// <summary>
/// An answer of server-sent events. Its headers are sent with the first event or comment, so that a request that fails before has an
/// ordinary answer.
/// </summary>
/// <param name="response">The answer.</param>
/// <param name="keepAlive">After this time without an event, a comment is sent.</param>
internal sealed class EventStream(HttpResponse response, TimeSpan keepAlive)
{
    private static readonly byte[] Comment = ": keep-alive\n\n"u8.ToArray();
    private static readonly byte[] LineEnd = "\n"u8.ToArray();

    /// <summary>Writes what happens until it ends.</summary>
    /// <param name="events">What happens.</param>
    /// <param name="write">Writes one of them, or nothing.</param>
    public async Task WriteAllAsync<T>(IAsyncEnumerable<T> events, Func<T, Task> write)
    {
        await using IAsyncEnumerator<T> reader = events.GetAsyncEnumerator(CancellationToken.None);
        while (true)
        {
            Task<bool> next = reader.MoveNextAsync().AsTask();
            while (!next.IsCompleted)
            {
                await ((Task)next.WaitAsync(keepAlive)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (!next.IsCompleted)
                    await WriteCommentAsync().ConfigureAwait(false);
            }

            if (!await next.ConfigureAwait(false))
                return;
            await write(reader.Current).ConfigureAwait(false);
        }
    }

    /// <summary>Writes an event.</summary>
    /// <param name="name">The event's name, which clients listen for.</param>
    /// <param name="data">Becomes one line of JSON.</param>
    /// <param name="type">How.</param>
    public async Task WriteAsync<T>(string name, T data, JsonTypeInfo<T> type)
    {
        Begin();
        await response.WriteAsync($"event: {name}\ndata: ").ConfigureAwait(false);
        await JsonSerializer.SerializeAsync(response.BodyWriter, data, type).ConfigureAwait(false);
        await response.BodyWriter.WriteAsync(LineEnd).ConfigureAwait(false);
        await response.BodyWriter.WriteAsync(LineEnd).ConfigureAwait(false);
        await response.BodyWriter.FlushAsync().ConfigureAwait(false);
    }

    private async Task WriteCommentAsync()
    {
        Begin();
        await response.BodyWriter.WriteAsync(Comment).ConfigureAwait(false);
        await response.BodyWriter.FlushAsync().ConfigureAwait(false);
    }

    private void Begin()
    {
        if (response.HasStarted)
            return;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-cache, no-store";
        response.Headers["X-Accel-Buffering"] = "no"; // nginx would hold events back
        response.HttpContext.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
    }
}
