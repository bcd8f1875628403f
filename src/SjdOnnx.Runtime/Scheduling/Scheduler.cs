using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Costs;
using SjdOnnx.Runtime.Engine;
using SjdOnnx.Windows;

namespace SjdOnnx.Runtime.Scheduling;

/// <summary>
/// Draws the images of all callers. An image joins the others at the next forward pass and leaves when it is finished; up to
/// <c>maxBatch</c> share a pass, and the rest wait in a fair queue. One thread does the work. It ends when nothing is left to do, unless
/// captured passes depend on it.
/// </summary>
/// <param name="model">Runs the passes.</param>
/// <param name="costs">Window policies for requests that let the engine choose.</param>
/// <param name="maxBatch">The most images in a pass.</param>
/// <param name="maxQueueLength">The most jobs that wait.</param>
/// <param name="load">How long loading the model took.</param>
internal sealed class Scheduler(LoadedModel model, PassCostTables costs, int maxBatch, int maxQueueLength, TimeSpan load)
    : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly JobQueue _queue = new(maxQueueLength);
    private readonly ImageBatch _batch = new(model); // the drawing thread alone changes it, with the lock held
    private readonly CancellationTokenSource _disposing = new();
    private CancellationTokenSource _pass = new(); // cancelled when nobody waits for the pass any more
    private Job? _beginning; // what measures or prepares at present
    private DrawingThread? _thread;
    private bool _active;
    private bool _disposed;

    /// <summary>The most images in a pass.</summary>
    public int MaxBatch => maxBatch;

    /// <summary>Jobs that wait for their turn at this moment.</summary>
    public int QueueLength => _queue.Count;

    /// <summary>Images that are being drawn at this moment.</summary>
    public int Running => _batch.Count;

    /// <summary>Adds jobs of one caller to the queue. A job fails if the queue is full or the model was disposed.</summary>
    /// <param name="caller">Callers take turns.</param>
    /// <param name="isBounded">Whether the limit of the queue applies. A series limits itself.</param>
    public void Enqueue(object caller, IReadOnlyList<Job> jobs, bool isBounded = true)
    {
        Exception?[] refusals;
        lock (_lock)
        {
            refusals = [.. jobs.Select(job => _disposed ? Disposed() : (Exception?)_queue.Enqueue(caller, job, isBounded))];
            if (!_active && _queue.Count > 0)
            {
                _thread ??= new DrawingThread(Work, stays: model.Transformer.BelongsToThread);
                _thread.Wake(); // it waits for the lock
                _active = true;
            }
        }

        foreach ((Job job, Exception? refusal) in jobs.Zip(refusals))
        {
            if (refusal is not null)
                job.Fail(refusal);
        }
    }

    /// <summary>Tells the scheduler that the job's token was cancelled.</summary>
    public void Cancel(Job job)
    {
        bool waited;
        lock (_lock)
        {
            waited = _queue.Remove(job);
            if (!waited)
                StopPassIfAbandoned();
        }

        if (waited)
            job.Cancel();
    }

    /// <summary>Ends all jobs, and returns when the drawing thread has ended: after one node of the graph at most.</summary>
    public async ValueTask DisposeAsync()
    {
        List<Job> waiting;
        lock (_lock)
        {
            _disposed = true;
            waiting = _queue.Clear();
            _disposing.Cancel();
            _pass.Cancel();
        }

        waiting.ForEach(static job => job.Fail(Disposed()));
        if (_thread is not null)
            await _thread.DisposeAsync().ConfigureAwait(false);
        _pass.Dispose();
        _disposing.Dispose();
    }

    private void Work()
    {
        try
        {
            Loop();
        }
        catch (Exception error) // nothing is known to throw here; if something does, no caller waits for ever
        {
            List<Job> left;
            lock (_lock)
            {
                left = [.. _batch.Jobs, .. _beginning is { } begun ? [begun] : (Job[])[], .. _queue.Clear()];
                left.ForEach(job => _batch.Remove(job as ImageJob));
                (_beginning, _active) = (null, false);
            }

            left.ForEach(job => job.Fail(error));
        }
    }

    private void Loop()
    {
        while (true)
        {
            while (TakeNext() is { } job)
                Begin(job);
            Step();
            lock (_lock)
            {
                if (_batch.Count > 0 || _queue.Count > 0)
                    continue;
                _active = false;
                return;
            }
        }
    }

    /// <summary>One forward pass for all images under way.</summary>
    private void Step()
    {
        DropCancelled();
        if (_batch.Count == 0)
            return;

        try
        {
            _batch.Advance(End, _pass.Token);
        }
        catch (Exception error)
        {
            // The caches may hold any part of what was fed, so no image can go on.
            foreach (ImageJob job in _batch.Jobs)
                End(job, error);
            return;
        }

        foreach (ImageJob job in _batch.Jobs)
            AfterPass(job);
    }

    /// <summary>Reports to the job's caller, and hands over the image if it is finished.</summary>
    private void AfterPass(ImageJob job)
    {
        try
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(job.Cancellation, _disposing.Token);
            stop.Token.ThrowIfCancellationRequested();
            job.Report(stop.Token);
            if (!job.Generation!.IsComplete)
                return;
            GeneratedImage image = job.Generation.Finish(load, stop.Token);
            Leave(job);
            job.Complete(image);
        }
        catch (Exception error)
        {
            End(job, error); // this image's own failure, or its caller's
        }
    }

    /// <summary>The next job that can begin now.</summary>
    private Job? TakeNext()
    {
        lock (_lock)
        {
            if (_disposed || _queue.Peek() is not { } next)
                return null;
            bool fits = next.IsExclusive ? _batch.Count == 0 : _batch.Count < maxBatch && !_batch.IsExclusive;
            return fits ? _queue.Dequeue() : null;
        }
    }

    private void Begin(Job job)
    {
        try
        {
            lock (_lock)
            {
                Renew();
                _beginning = job;
            }

            job.Cancellation.ThrowIfCancellationRequested();
            if (job is ImageJob image)
                Begin(image);
            else
                ((IExclusiveWork)job).Run(_pass.Token);
        }
        catch (Exception error)
        {
            End(job, error);
        }
        finally
        {
            lock (_lock)
                _beginning = null;
        }
    }

    private void Begin(ImageJob job)
    {
        IWindowPolicy? windows;
        while ((windows = Windows(job.Request, Expected(job))) is null)
        {
            Step(); // finishes the images under way: the measurement needs their caches
            lock (_lock)
                Renew(); // if they were cancelled
            job.Cancellation.ThrowIfCancellationRequested();
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(job.Cancellation, _disposing.Token);
        stop.Token.ThrowIfCancellationRequested();
        try
        {
            model.Transformer.Open(Expected(job));
        }
        catch (SjdOnnxException) when (Expected(job) > Running + 1)
        {
            model.Transformer.Open(Running + 1); // there is no room for the graph of those that wait, but perhaps for this one
        }

        job.Generation = new ImageGeneration(model, job.Request, windows, _batch.FreePlace, stop.Token);
        lock (_lock)
            _batch.Add(job);
    }

    /// <summary>Images that are likely to share passes with the job.</summary>
    private int Expected(ImageJob job) => job.IsExclusive ? 1 : Math.Min(maxBatch, Running + 1 + QueueLength);

    private IWindowPolicy? Windows(ResolvedRequest request, int expected)
    {
        IWindowPolicy? windows = request.ChoosesWindow
            ? costs.Windows(request, expected, maxBatch, mayMeasure: _batch.Count == 0, _pass.Token)
            : new FixedWindow(request.MaxDrafts);
        (int first, int last) = request.Sequential;
        return windows is null || (first == 0 && last == 0) ? windows : new SequentialParts(windows, first, last);
    }

    /// <summary>Ends running jobs that were cancelled, so that the next pass serves none of them.</summary>
    private void DropCancelled()
    {
        foreach (ImageJob job in _batch.Jobs.Where(static job => job.Cancellation.IsCancellationRequested))
            End(job, new OperationCanceledException(job.Cancellation));
        lock (_lock)
            Renew();
    }

    private void End(Job job, Exception error)
    {
        Leave(job);
        if (_disposed)
            job.Fail(Disposed());
        else if (job.Cancellation.IsCancellationRequested)
            job.Cancel();
        else
            job.Fail(error);
    }

    private void Leave(Job job)
    {
        lock (_lock)
            _batch.Remove(job as ImageJob);
    }

    /// <summary>Stops the pass if every job that it serves was cancelled. The caller holds the lock.</summary>
    private void StopPassIfAbandoned()
    {
        if (_batch.Count > 0 ? _batch.IsAbandoned : _beginning is { Cancellation.IsCancellationRequested: true })
            _pass.Cancel();
    }

    /// <summary>A pass that was stopped does not stop the next one. The caller holds the lock.</summary>
    private void Renew()
    {
        if (!_pass.IsCancellationRequested || _disposed || (_batch.Count > 0 && _batch.IsAbandoned))
            return;
        _pass.Dispose();
        _pass = new CancellationTokenSource();
    }

    private static ObjectDisposedException Disposed() => new(nameof(TextToImage), "The model was disposed.");
}
