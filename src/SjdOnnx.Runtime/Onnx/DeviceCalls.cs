namespace SjdOnnx.Runtime.Onnx;

/// <summary>
/// Keeps calls apart that must not happen together in a process: while one thread captures a pass (CUDA graphs), the device refuses to
/// every other thread whatever allocates or waits, and the capture is lost.
/// </summary>
/// <remarks>CUDA C++ Programming Guide, CUDA Graphs, Prohibited and Unhandled Operations.</remarks>
internal static class DeviceCalls
{
    private static readonly ReaderWriterLockSlim Lock = new(LockRecursionPolicy.SupportsRecursion);

    /// <summary>Waits for a capture to end. Threads may hold this side by side.</summary>
    /// <param name="isOnDevice">Whether there is anything to wait for.</param>
    public static Held Begin(bool isOnDevice = true)
    {
        if (isOnDevice)
            Lock.EnterReadLock();
        return new Held(isOnDevice);
    }

    /// <summary>Runs a capture if no thread is in a call at present.</summary>
    /// <returns>Whether it was run.</returns>
    public static bool TryCapture(Action capture)
    {
        if (!Lock.TryEnterWriteLock(0))
            return false;
        try
        {
            capture();
            return true;
        }
        finally
        {
            Lock.ExitWriteLock();
        }
    }

    /// <summary>Ends with the call.</summary>
    internal readonly ref struct Held(bool isHeld)
    {
        public void Dispose()
        {
            if (isHeld)
                Lock.ExitReadLock();
        }
    }
}
