using System.Collections.Concurrent;
using SjdOnnx.Runtime.Scheduling;

namespace SjdOnnx.Runtime.Tests.Scheduling;

public class DrawingThreadTests
{
    [Fact]
    public async Task A_thread_that_stays_draws_every_time()
    {
        var drawn = new BlockingCollection<int>();
        var threads = new List<int>();
        await using (var thread = new DrawingThread(() => drawn.Add(Environment.CurrentManagedThreadId), stays: true))
        {
            for (int time = 0; time < 3; time++)
            {
                thread.Wake();
                Assert.True(drawn.TryTake(out int id, TimeSpan.FromSeconds(30)));
                threads.Add(id);
            }
        }

        Assert.Single(threads.Distinct());
        Assert.Empty(drawn);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Disposal_waits_for_what_is_being_drawn(bool stays)
    {
        using var mayEnd = new ManualResetEventSlim();
        bool ended = false;
        var thread = new DrawingThread(Draw, stays);
        thread.Wake();
        ValueTask disposal = thread.DisposeAsync();
        Assert.False(disposal.IsCompleted);
        mayEnd.Set();
        await disposal;
        Assert.True(ended);

        void Draw()
        {
            mayEnd.Wait();
            ended = true;
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Disposal_of_a_thread_that_never_drew_returns(bool stays) =>
        await new DrawingThread(() => Assert.Fail("Nobody woke it."), stays).DisposeAsync();
}
