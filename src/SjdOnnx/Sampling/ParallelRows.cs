using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace SjdOnnx.Sampling;

/// <summary>The work on one row of a pass.</summary>
/// <param name="pass">Data that all rows share.</param>
/// <param name="row">The number of the row, counted from 0.</param>
internal delegate void RowAction<TPass>(in TPass pass, int row)
    where TPass : allows ref struct;

/// <summary>
/// Runs an action over the rows of a pass: on several threads if the work is large enough, otherwise on the calling thread alone. Allocates
/// nothing. The result does not depend on the number of threads, as long as no row reads data that another row writes.
/// </summary>
/// <remarks>
/// <para>The calling thread works on rows too, and threads of the pool join as soon as they wake. A free thread claims the next row by
/// decrementing <c>_left</c> in one atomic step. A thread that wakes late therefore finds either no row or a row of the run that is under
/// way.</para>
/// <para>If another caller's run is under way, a caller runs all its rows itself, because the processors are busy.</para>
/// </remarks>
internal sealed unsafe class ParallelRows
{
    /// <summary>
    /// The number of codes, over all rows, for which another thread pays: about 60 µs of work, several times as long as waking a thread.
    /// </summary>
    public const int CodesPerThread = 1 << 16;

    private readonly Worker[] _workers;
    private readonly Lock _rowFailed = new();
    private readonly object _finished = new();
    private int _busy;
    private int _left; // rows that no thread has claimed yet; negative after threads that found none
    private int _unfinished;
    private delegate*<Delegate, void*, int, void> _invoke;
    private Delegate? _action;
    private void* _pass;
    private (int Row, ExceptionDispatchInfo Exception)? _failure;

    /// <param name="threads">The most threads, 1 or more, including the calling one.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer than 1.</exception>
    public ParallelRows(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        _workers = [.. Enumerable.Range(1, threads - 1).Select(_ => new Worker(this))];
    }

    /// <summary>One thread for each logical processor.</summary>
    public static ParallelRows Shared { get; } = new(Environment.ProcessorCount);

    /// <summary>Runs <paramref name="action"/> once for every row, in any order.</summary>
    /// <param name="rows">0 or more.</param>
    /// <param name="codes">The width of a row. With <paramref name="rows"/> it decides how many threads work.</param>
    /// <param name="pass">Data that all rows share. It may be a ref struct and hold spans.</param>
    /// <param name="action">The work on a row. A static lambda allocates nothing.</param>
    /// <remarks>An exception of a row is thrown to the caller. If several rows fail, it is the exception of the first of them.</remarks>
    public void Run<TPass>(int rows, int codes, in TPass pass, RowAction<TPass> action)
        where TPass : allows ref struct
    {
        int others = (int)Math.Min(Math.Min(rows - 1, _workers.Length), ((long)rows * codes / CodesPerThread) - 1);
        if (others < 1 || Interlocked.CompareExchange(ref _busy, 1, 0) != 0)
        {
            for (int row = 0; row < rows; row++)
                action(in pass, row);
            return;
        }

        // Other threads read the pass and its spans by address. That is safe, because the copy stays on this thread's stack until every
        // row is done.
        TPass shared = pass;
        _pass = Unsafe.AsPointer(ref shared);
        _action = action;
        _invoke = &Invoke<TPass>;
        _failure = null;
        _unfinished = rows;
        Interlocked.Exchange(ref _left, rows); // from here on other threads can claim rows
        for (int i = 0; i < others; i++)
            _workers[i].Wake();

        TakeRows();
        AwaitOthers();
        _action = null;
        ExceptionDispatchInfo? exception = _failure?.Exception;
        Volatile.Write(ref _busy, 0);
        exception?.Throw();
    }

    private static void Invoke<TPass>(Delegate action, void* pass, int row)
        where TPass : allows ref struct => ((RowAction<TPass>)action)(in Unsafe.AsRef<TPass>(pass), row);

    private void TakeRows()
    {
        int row;
        while ((row = Interlocked.Decrement(ref _left)) >= 0)
        {
            try
            {
                _invoke(_action!, _pass, row);
            }
            catch (Exception exception)
            {
                lock (_rowFailed)
                {
                    if (_failure is null || row < _failure.Value.Row)
                        _failure = (row, ExceptionDispatchInfo.Capture(exception));
                }
            }

            if (Interlocked.Decrement(ref _unfinished) == 0)
            {
                lock (_finished)
                    Monitor.Pulse(_finished);
            }
        }
    }

    private void AwaitOthers()
    {
        // another thread has at most one row left, which usually takes microseconds
        var spinner = default(SpinWait);
        while (Volatile.Read(ref _unfinished) > 0 && !spinner.NextSpinWillYield)
            spinner.SpinOnce();

        lock (_finished)
        {
            while (Volatile.Read(ref _unfinished) > 0)
                Monitor.Wait(_finished);
        }
    }

    /// <summary>A work item for the thread pool. It is created once, so waking a thread allocates nothing.</summary>
    private sealed class Worker(ParallelRows rows) : IThreadPoolWorkItem
    {
        private int _queued;

        public void Wake()
        {
            if (Interlocked.Exchange(ref _queued, 1) == 0)
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        public void Execute()
        {
            Volatile.Write(ref _queued, 0);
            rows.TakeRows();
        }
    }
}
