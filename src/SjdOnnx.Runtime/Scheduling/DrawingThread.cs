namespace SjdOnnx.Runtime.Scheduling;

/// <summary>The thread that draws: passes keep it busy for seconds, so it is none of the pool's.</summary>
/// <param name="draw">Returns when nothing is left to draw.</param>
/// <param name="stays">
/// Whether the same thread draws later too. Otherwise it ends, so that a model that nobody disposes keeps no thread.
/// </param>
internal sealed class DrawingThread(Action draw, bool stays) : IAsyncDisposable
{
    private readonly AutoResetEvent _wake = new(initialState: false);
    private Task? _thread;
    private volatile bool _ending;

    /// <summary>Begins to draw. It must not be drawing.</summary>
    public void Wake()
    {
        if (stays && _thread is not null)
        {
            _wake.Set();
            return;
        }

        // It serves others too: the caller's context stays with the caller.
        using (ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow())
            _thread = Task.Factory.StartNew(Work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Returns when the thread has ended.</summary>
    public async ValueTask DisposeAsync()
    {
        _ending = true;
        _wake.Set();
        if (_thread is not null)
            await _thread.ConfigureAwait(false);
        _wake.Dispose();
    }

    private void Work()
    {
        do
            draw();
        while (stays && _wake.WaitOne() && !_ending);
    }
}
