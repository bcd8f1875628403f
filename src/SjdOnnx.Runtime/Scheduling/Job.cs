using System.Diagnostics;
using SjdOnnx.Runtime.Engine;

namespace SjdOnnx.Runtime.Scheduling;

/// <summary>A piece of work on its way through the <see cref="Scheduler"/>. The scheduler's lock guards its state.</summary>
/// <param name="cancellation">Ends it: at once while it waits, otherwise within one forward pass.</param>
internal abstract class Job(CancellationToken cancellation)
{
    public CancellationToken Cancellation => cancellation;

    /// <summary>Whether the limit of the queue counts it.</summary>
    public bool IsBounded { get; set; }

    /// <summary>Whether it runs alone.</summary>
    public abstract bool IsExclusive { get; }

    /// <summary>Ends it with an exception.</summary>
    public abstract void Fail(Exception error);

    /// <summary>Ends it as cancelled.</summary>
    public abstract void Cancel();
}

/// <summary>An image to draw.</summary>
/// <param name="request">With its prompt as token ids.</param>
/// <param name="model">The model's name.</param>
/// <param name="events">
/// Called on the drawing thread with progress, and with previews if <paramref name="previews"/>; null for nothing.
/// </param>
/// <param name="previews">Whether to make previews.</param>
internal sealed class ImageJob(
    ResolvedRequest request, string model, Action<GenerationEvent>? events, bool previews, CancellationToken cancellation)
    : Job(cancellation)
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly Activity? _activity = Telemetry.Start(request.Settings, model);
    private readonly TaskCompletionSource<GeneratedImage> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _ended;

    public ResolvedRequest Request => request;

    public Task<GeneratedImage> Result => _result.Task;

    /// <summary>Judging a tree takes a graph of its own, for one image.</summary>
    public override bool IsExclusive => request.NeedsTree;

    /// <summary>The image while it is drawn; null while the job waits.</summary>
    public ImageGeneration? Generation { get; set; }

    /// <summary>Reports the pass that has just ended.</summary>
    /// <param name="stop">Ends a preview.</param>
    public void Report(CancellationToken stop)
    {
        if (events is null)
            return;
        events(Generation!.Progress);
        if (previews && Generation.TakePreview(stop) is { } preview)
            events(preview);
    }

    public void Complete(GeneratedImage image)
    {
        if (!Ends())
            return;
        Telemetry.Finish(_activity, image, Stopwatch.GetElapsedTime(_start));
        _result.SetResult(image);
    }

    public override void Fail(Exception error)
    {
        if (!Ends())
            return;
        Telemetry.Fail(_activity, request.Settings, error, Stopwatch.GetElapsedTime(_start));
        _result.SetException(error);
    }

    public override void Cancel()
    {
        if (!Ends())
            return;
        Telemetry.Fail(_activity, request.Settings, error: null, Stopwatch.GetElapsedTime(_start));
        _result.SetCanceled(Cancellation);
    }

    /// <summary>A job ends once. Its measurements come before its result: who awaits that may read them.</summary>
    private bool Ends() => !Interlocked.Exchange(ref _ended, true);
}

/// <summary>Work that uses the caches and therefore runs while no image is under way.</summary>
/// <param name="work">Called on the drawing thread.</param>
internal sealed class ExclusiveJob<T>(Func<CancellationToken, T> work, CancellationToken cancellation) : Job(cancellation), IExclusiveWork
{
    private readonly TaskCompletionSource<T> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Result => _result.Task;

    public override bool IsExclusive => true;

    public void Run(CancellationToken stopped) => _result.TrySetResult(work(stopped));

    public override void Fail(Exception error) => _result.TrySetException(error);

    public override void Cancel() => _result.TrySetCanceled(Cancellation);
}

/// <summary>What the scheduler calls of an <see cref="ExclusiveJob{T}"/>.</summary>
internal interface IExclusiveWork
{
    void Run(CancellationToken stopped);
}
