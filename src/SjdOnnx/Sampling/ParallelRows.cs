using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace SjdOnnx.Sampling;

/// <summary>What is done with one row of a pass.</summary>
/// <param name="pass">What the rows share.</param>
internal delegate void RowAction<TPass>(in TPass pass, int row)
    where TPass : allows ref struct;

/// <summary>
/// Runs an action over the rows of a pass on several threads where that pays, and on the calling thread alone where it does not. Allocates
/// nothing, and what the rows become does not depend on the threads as long as no row reads what another writes.
/// </summary>
/// <remarks>
/// <para>The calling thread works, too, and threads of the pool help as far as they come in time. Whoever is free takes the next row, by
/// counting <c>_left</c> down: one atomic step both claims a row and tells which run it belongs to, so that a thread that comes late
/// finds either nothing or a row of the run then under way.</para>
/// <para>A caller that finds another at work does all its rows itself: then the processors are busy already.</para>
/// </remarks>
internal sealed unsafe class ParallelRows
{
    /// <summary>
    /// Codes, all rows taken together, that are worth a thread: some 60 µs of work, several times what waking one takes.
    /// </summary>
    public const int CodesPerThread = 1 << 16;

    private readonly Worker[] _workers;
    private readonly Lock _rowFailed = new();
    private readonly object _finished = new();
    private int _busy;
    private int _left; // rows that nobody has taken yet; below 0 where threads came in vain
    private int _unfinished;
    private delegate*<Delegate, void*, int, void> _invoke;
    private Delegate? _action;
    private void* _pass;
    private (int Row, ExceptionDispatchInfo Exception)? _failure;

    /// <summary>Rows on up to <paramref name="threads"/> threads, 1 or more, the calling one included.</summary>
    public ParallelRows(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        _workers = [.. Enumerable.Range(1, threads - 1).Select(_ => new Worker(this))];
    }

    /// <summary>As many threads as there are processors.</summary>
    public static ParallelRows Shared { get; } = new(Environment.ProcessorCount);

    /// <summary>Runs <paramref name="action"/> once for every row, in any order.</summary>
    /// <param name="rows">0 or more.</param>
    /// <param name="codes">The width of a row: with <paramref name="rows"/>, what there is to do.</param>
    /// <param name="pass">What the rows share; it may be a ref struct and hold spans.</param>
    /// <param name="action">To allocate nothing, a static one.</param>
    /// <remarks>An exception that a row throws reaches the caller; of several, that of the first row.</remarks>
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

        // On this thread's stack, where it stays until every row is done: the other threads may read it by its address, spans and all.
        TPass shared = pass;
        _pass = Unsafe.AsPointer(ref shared);
        _action = action;
        _invoke = &Invoke<TPass>;
        _failure = null;
        _unfinished = rows;
        Interlocked.Exchange(ref _left, rows); // from here on the others find rows
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
        // what another thread still does is one row, most often a matter of microseconds
        var spinner = default(SpinWait);
        while (Volatile.Read(ref _unfinished) > 0 && !spinner.NextSpinWillYield)
            spinner.SpinOnce();

        lock (_finished)
        {
            while (Volatile.Read(ref _unfinished) > 0)
                Monitor.Wait(_finished);
        }
    }

    /// <summary>A thread of the pool that helps, made once so that waking it allocates nothing.</summary>
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
