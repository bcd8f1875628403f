using System.Runtime.ExceptionServices;

namespace SjdOnnx.Runtime.Transformers;

/// <summary>
/// A thread that runs one part of each pass, beside the thread that runs the first part. It waits for the next pass awake for some
/// microseconds, then asleep, and ends after a second without one, so that a model that nobody disposes keeps no thread.
/// </summary>
internal sealed class PassThread : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly ManualResetEventSlim _begin = new(initialState: false, spinCount: 200);
    private readonly ManualResetEventSlim _done = new(initialState: false, spinCount: 2000);
    private Thread? _thread;
    private Action<CancellationToken>? _work;
    private CancellationToken _cancellation;
    private ExceptionDispatchInfo? _error;

    /// <summary>Whether the thread exists at present.</summary>
    public bool IsAlive => Volatile.Read(ref _thread) is not null;

    /// <summary>Begins to run a part of a pass.</summary>
    public void Begin(Action<CancellationToken> work, CancellationToken cancellation)
    {
        (_work, _cancellation, _error) = (work, cancellation, null);
        _done.Reset();
        lock (_lock)
        {
            _begin.Set();
            if (_thread is not null)
                return;
            _thread = new Thread(Work) { IsBackground = true, Name = "SjdOnnx pass" };
            _thread.UnsafeStart();
        }
    }

    /// <summary>Waits until the pass is done.</summary>
    /// <returns>Why it failed; null if it did not.</returns>
    public ExceptionDispatchInfo? End()
    {
        _done.Wait();
        return _error;
    }

    public void Dispose()
    {
        Thread? thread;
        lock (_lock)
        {
            thread = _thread;
            _work = null;
            _begin.Set();
        }

        thread?.Join();
        _begin.Dispose();
        _done.Dispose();
    }

    private void Work()
    {
        while (MayGoOn())
        {
            _begin.Reset();
            if (_work is not { } work)
                return;
            try
            {
                work(_cancellation);
            }
            catch (Exception error)
            {
                _error = ExceptionDispatchInfo.Capture(error);
            }

            _done.Set();
        }
    }

    private bool MayGoOn()
    {
        if (_begin.Wait(Patience))
            return true;
        lock (_lock)
        {
            if (_begin.IsSet)
                return true;
            _thread = null;
            return false;
        }
    }
}
