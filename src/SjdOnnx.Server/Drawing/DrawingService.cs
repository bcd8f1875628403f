using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using SjdOnnx.Runtime;
using SjdOnnx.Server.Http;
using SjdOnnx.Server.Models;
using static System.FormattableString;

namespace SjdOnnx.Server.Drawing;

/// <summary>Something that happened to one of the images of a request.</summary>
/// <param name="Index">The image's number, from 0.</param>
/// <param name="Event">What happened.</param>
internal readonly record struct DrawingEvent(int Index, GenerationEvent Event);

/// <summary>Draws what clients ask for, within the server's limits.</summary>
internal sealed partial class DrawingService(
    ModelPool models, PendingImages pending, ServerLifetime lifetime, IOptions<SjdOnnxServerOptions> options,
    ILogger<DrawingService> logger)
{
    /// <summary>Draws all images of a request.</summary>
    /// <param name="request">The images.</param>
    /// <param name="aborted">Cancelled when the client has left. The images end within one forward pass.</param>
    /// <returns>The images in the order of their seeds.</returns>
    /// <exception cref="RefusalException">The server does not take the request, or did not finish it in time.</exception>
    /// <exception cref="SjdOnnxException">The model cannot draw this, or failed.</exception>
    /// <exception cref="OperationCanceledException">The client has left.</exception>
    public async Task<GeneratedImage[]> DrawAsync(DrawingRequest request, CancellationToken aborted)
    {
        var images = new GeneratedImage[request.Count];
        await foreach (DrawingEvent happened in RunAsync(request, Series, aborted).ConfigureAwait(false))
            images[happened.Index] = ((GenerationCompleted)happened.Event).Image;
        return images;

        async IAsyncEnumerable<DrawingEvent> Series(TextToImage model, [EnumeratorCancellation] CancellationToken stop)
        {
            IEnumerable<GenerationRequest> each = Enumerable.Range(0, request.Count).Select(index => request[index]);
            await foreach ((int index, GeneratedImage image) in model
                .GenerateManyAsync(each, request.Options, cancellationToken: stop).ConfigureAwait(false))
                yield return new DrawingEvent(index, new GenerationCompleted(image));
        }
    }

    /// <summary>Draws all images of a request and returns what happens to them. A reader that stops reading ends the request.</summary>
    /// <inheritdoc cref="DrawAsync"/>
    public IAsyncEnumerable<DrawingEvent> StreamAsync(DrawingRequest request, CancellationToken aborted)
    {
        return RunAsync(request, Merged, aborted);

        async IAsyncEnumerable<DrawingEvent> Merged(TextToImage model, [EnumeratorCancellation] CancellationToken stop)
        {
            using var left = CancellationTokenSource.CreateLinkedTokenSource(stop);
            var events = Channel.CreateUnbounded<DrawingEvent>();
            Task drawing = DrawAllAsync(left);
            try
            {
                await foreach (DrawingEvent happened in events.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
                    yield return happened;
                await drawing.ConfigureAwait(false);
            }
            finally
            {
                await left.CancelAsync().ConfigureAwait(false);
                await drawing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            async Task DrawAllAsync(CancellationTokenSource all)
            {
                Task[] images = [.. Enumerable.Range(0, request.Count).Select(DrawAsync)];
                try
                {
                    // The first failure ends the other images.
                    await foreach (Task ended in Task.WhenEach(images).ConfigureAwait(false))
                        await ended.ConfigureAwait(false);
                }
                finally
                {
                    await all.CancelAsync().ConfigureAwait(false);
                    await Task.WhenAll(images).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    events.Writer.Complete();
                }

                async Task DrawAsync(int index)
                {
                    await foreach (GenerationEvent happened in model
                        .StreamAsync(request[index], request.Options, all.Token).ConfigureAwait(false))
                        events.Writer.TryWrite(new DrawingEvent(index, happened));
                }
            }
        }
    }

    private async IAsyncEnumerable<DrawingEvent> RunAsync(
        DrawingRequest request, Func<TextToImage, CancellationToken, IAsyncEnumerable<DrawingEvent>> draw,
        [EnumeratorCancellation] CancellationToken aborted)
    {
        if (lifetime.IsStopping)
            throw ServerLifetime.Refusal();
        long start = Stopwatch.GetTimestamp();
        using IDisposable places = pending.Take(request.Model, request.Count);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(aborted, lifetime.Ending);
        stop.CancelAfter(options.Value.TimeLimit);
        using ModelLease lease = await TellWhyAsync(models.LeaseAsync(request.Model, stop.Token), aborted).ConfigureAwait(false);
        await using IAsyncEnumerator<DrawingEvent> events = draw(lease.Model, stop.Token).GetAsyncEnumerator(CancellationToken.None);
        while (await TellWhyAsync(events.MoveNextAsync().AsTask(), aborted).ConfigureAwait(false))
        {
            if (events.Current.Event is GenerationCompleted { Image: GeneratedImage image })
                pending.Finished(request.Model, image.Timings.Elapsed);
            yield return events.Current;
        }

        LogDrawn(request.Model.Name, request.Count, request.Size, request.First.Seed, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    /// <summary>A cancellation is the client's, the server's end, or the time limit.</summary>
    private async Task<T> TellWhyAsync<T>(Task<T> step, CancellationToken aborted)
    {
        try
        {
            return await step.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!aborted.IsCancellationRequested)
        {
            throw lifetime.Ending.IsCancellationRequested ? ServerLifetime.Refusal() : new RefusalException(
                StatusCodes.Status504GatewayTimeout,
                Invariant($"The request was not finished within {options.Value.TimeLimit.TotalSeconds:0.#} s, the server's limit. ") +
                "Ask for fewer images, or try when the server is less busy.", "time_limit");
        }
    }

    [LoggerMessage(LogLevel.Information, "Drew {Images} of {Model} in {Size} from seed {Seed} in {Seconds:F2} s.")]
    private partial void LogDrawn(string model, int images, ImageSize size, ulong seed, double seconds);
}
