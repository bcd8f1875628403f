namespace SjdOnnx.Runtime.Scheduling;

/// <summary>Concurrent calls of a model that serves one at a time. Thread-safe.</summary>
/// <param name="owner">The model's type, for <see cref="ObjectDisposedException"/>.</param>
/// <param name="model">What is released at the end.</param>
internal sealed class Turns(Type owner, IDisposable model) : IAsyncDisposable
{
    private readonly SemaphoreSlim _turn = new(1);
    private readonly CancellationTokenSource _end = new();
    private int _ended;

    /// <exception cref="ObjectDisposedException">The turns have ended.</exception>
    public void RequireOpen() => ObjectDisposedException.ThrowIf(_ended != 0, owner);

    /// <summary>Waits for a turn and does the work on a thread of the pool.</summary>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    /// <exception cref="ObjectDisposedException">The turns have ended, before or meanwhile.</exception>
    public async Task<T> TakeAsync<T>(Func<CancellationToken, T> work, CancellationToken cancellation)
    {
        RequireOpen();
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _end.Token);
        try
        {
            await _turn.WaitAsync(both.Token).ConfigureAwait(false);
            try
            {
                both.Token.ThrowIfCancellationRequested();
                return await Task.Run(() => work(both.Token), CancellationToken.None).ConfigureAwait(false);
            }
            finally
            {
                _turn.Release();
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new ObjectDisposedException(owner.Name);
        }
    }

    /// <summary>Cancels the work under way, and releases the model when that has ended. Later calls do nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0)
            return;
        await _end.CancelAsync().ConfigureAwait(false);
        await _turn.WaitAsync().ConfigureAwait(false);
        model.Dispose();
        _turn.Release(); // those that still wait find it ended
    }
}
