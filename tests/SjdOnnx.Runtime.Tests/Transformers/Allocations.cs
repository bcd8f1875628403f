namespace SjdOnnx.Runtime.Tests.Transformers;

/// <summary>What an action allocates on this thread.</summary>
internal static class Allocations
{
    /// <summary>
    /// In bytes, after a first time that does not count. If another test causes a collection, the rest of this thread's allocation block
    /// counts too, so the least of several tries is the action's own.
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
