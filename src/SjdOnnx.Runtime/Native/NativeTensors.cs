using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace SjdOnnx.Runtime.Native;

/// <summary>
/// Makes every OrtValue of one <see cref="TextToImage"/> and counts those not yet disposed: native memory is invisible to the garbage
/// collector.
/// </summary>
internal sealed class NativeTensors
{
    private int _live;

    public int Live => Volatile.Read(ref _live);

    /// <summary>A tensor over memory that .NET and ONNX Runtime share. <paramref name="memory"/> may be longer than the shape.</summary>
    public NativeTensor Over<T>(T[] memory, params long[] shape) where T : unmanaged =>
        Own(OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, memory.AsMemory(), shape));

    /// <summary>A tensor in an allocator's memory, with whatever bytes lie there.</summary>
    public NativeTensor Allocate(OrtAllocator allocator, TensorElementType type, params long[] shape) =>
        Own(OrtValue.CreateAllocatedTensorValue(allocator, type, shape));

    /// <summary>Takes over a value that a Run returned.</summary>
    public NativeTensor Own(OrtValue value)
    {
        Interlocked.Increment(ref _live);
        return new NativeTensor(value, this);
    }

    internal void Released() => Interlocked.Decrement(ref _live);
}

/// <summary>A counted OrtValue.</summary>
internal sealed class NativeTensor(OrtValue value, NativeTensors owner) : IDisposable
{
    private bool _disposed;

    public OrtValue Value => _disposed ? throw new ObjectDisposedException(nameof(NativeTensor)) : value;

    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        value.Dispose();
        owner.Released();
    }
}
