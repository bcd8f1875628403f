using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Sampling;

public sealed class ParallelRowsTests
{
    private const int Wide = ParallelRows.CodesPerThread; // a row of this width is worth another thread

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 4)]
    [InlineData(17, 1)]
    [InlineData(17, 2)]
    [InlineData(17, 4)]
    [InlineData(1000, 3)]
    public void Every_row_is_run_once(int rows, int threads)
    {
        var parallel = new ParallelRows(threads);
        for (int repeat = 0; repeat < 200; repeat++)
        {
            Span<int> runs = new int[rows];
            parallel.Run(rows, Wide, new Pass(runs), static (in Pass pass, int row) => pass.Runs[row]++);
            Assert.True(runs.IndexOfAnyExcept(1) < 0);
        }
    }

    [Fact]
    public void Another_thread_takes_some_of_the_rows()
    {
        var parallel = new ParallelRows(2);
        using var both = new Barrier(2);

        // one thread alone cannot finish two rows that wait for each other
        parallel.Run(2, Wide, both, static (in Barrier barrier, int _) =>
            Assert.True(barrier.SignalAndWait(TimeSpan.FromSeconds(30))));
    }

    [Theory]
    [InlineData(16, 1024)]
    [InlineData(1, int.MaxValue)]
    public void A_small_pass_stays_on_the_calling_thread(int rows, int codes) => new ParallelRows(4).Run(
        rows, codes, Environment.CurrentManagedThreadId, static (in int caller, int _) =>
            Assert.Equal(caller, Environment.CurrentManagedThreadId));

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void The_exception_of_the_first_row_that_fails_reaches_the_caller(int threads)
    {
        var parallel = new ParallelRows(threads);
        for (int repeat = 0; repeat < 50; repeat++)
        {
            var error = Assert.Throws<InvalidOperationException>(() => parallel.Run(
                40, Wide, new object(), static (in object _, int row) => throw new InvalidOperationException(row.ToString("D2", null))));
            Assert.Equal("00", error.Message);
        }

        int done = 0;
        parallel.Run(40, Wide, new Action(() => Interlocked.Increment(ref done)), static (in Action count, int _) => count());
        Assert.Equal(40, done);
    }

    [Fact]
    public void Concurrent_and_nested_runs_do_not_mix()
    {
        var parallel = new ParallelRows(3);
        Parallel.For(0, 8, _ =>
        {
            for (int repeat = 0; repeat < 50; repeat++)
            {
                var runs = new int[20];
                parallel.Run(20, Wide, (parallel, runs), static (in (ParallelRows Parallel, int[] Runs) outer, int row) =>
                    outer.Parallel.Run(
                        3, Wide, (outer.Runs, row), static (in (int[] Runs, int Row) inner, int _) => inner.Runs[inner.Row]++));
                Assert.Equal(Enumerable.Repeat(3, 20), runs);
            }
        });
    }

    [Fact]
    public void Running_rows_allocates_nothing()
    {
        var parallel = new ParallelRows(2);
        var runs = new int[17];
        Allocated(); // the first run pays for what is allocated only once

        // A garbage collection that another test causes discards the rest of this thread's allocation buffer, and that counts as allocated.
        // So the smallest of several measurements is the right one.
        Assert.Equal(0, Enumerable.Range(0, 6).Min(_ => Allocated()));

        long Allocated()
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int repeat = 0; repeat < 100; repeat++)
                parallel.Run(17, Wide, new Pass(runs), static (in Pass pass, int row) => pass.Runs[row]++);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public void Fewer_than_one_thread_is_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => new ParallelRows(0));

    private readonly ref struct Pass(Span<int> runs)
    {
        public Span<int> Runs { get; } = runs;
    }
}
