namespace SjdOnnx.Runtime.Tests.Decoding;

/// <summary>What an action allocates on this thread.</summary>
internal static class Allocations
{
    /// <summary>
    /// In bytes, after a first time that does not count. A collection that another test causes counts what was left of this thread's
    /// allocation block: the least of several tries is ours.
    /// </summary>
    public static long Least(Action action)
    {
        action();
        long least = long.MaxValue;
        for (var attempt = 0; attempt < 10; attempt++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            action();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }
}
