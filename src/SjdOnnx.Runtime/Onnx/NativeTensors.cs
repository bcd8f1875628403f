using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Runtime.Onnx;

/// <summary>
/// Creates every OrtValue of one <see cref="TextToImage"/> and counts those that are not yet disposed, because the garbage collector does
/// not see native memory.
/// </summary>
internal sealed class NativeTensors
{
    private int _live;

    public int Live => Volatile.Read(ref _live);

    /// <summary>A tensor over memory that .NET and ONNX Runtime share. <paramref name="memory"/> may be longer than the shape.</summary>
    public NativeTensor Over<T>(T[] memory, params long[] shape) where T : unmanaged =>
        Own(OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, memory.AsMemory(), shape));

    /// <summary>A tensor over memory that stays where it is.</summary>
    /// <param name="memory">Whose memory it is.</param>
    /// <param name="bytes">Its size, which may be more than the shape needs.</param>
    public NativeTensor Over(OrtMemoryInfo memory, TensorElementType type, nint address, long bytes, params long[] shape) =>
        Own(OrtValue.CreateTensorValueWithData(memory, type, shape, address, bytes));

    /// <summary>A tensor in an allocator's memory. Its content is undefined.</summary>
    /// <exception cref="InferenceException">There is not enough memory.</exception>
    public NativeTensor Allocate(OrtAllocator allocator, TensorElementType type, params long[] shape)
    {
        try
        {
            return Own(OrtValue.CreateAllocatedTensorValue(allocator, type, shape));
        }
        catch (OnnxRuntimeException error)
        {
            throw new InferenceException(
                $"A cache of shape [{string.Join(", ", shape)}] could not be allocated: {Sentence.Of(error)} Draw fewer images at once " +
                "(MaxBatch), or choose a smaller size.", error);
        }
    }

    /// <summary>A tensor in memory of a device, which is its alone. Its content is undefined.</summary>
    /// <param name="memory">Names the device's memory.</param>
    /// <exception cref="InferenceException">The device has not enough memory.</exception>
    public NativeTensor Allocate(IDeviceStream device, OrtMemoryInfo memory, TensorElementType type, params long[] shape)
    {
        long bytes = shape.Aggregate((long)TensorBase.GetElementTypeInfo(type).TypeSize, static (product, side) => checked(product * side));
        nint address = device.Allocate(bytes);
        try
        {
            return Own(OrtValue.CreateTensorValueWithData(memory, type, shape, address, bytes), () => device.Free(address));
        }
        catch
        {
            device.Free(address);
            throw;
        }
    }

    /// <summary>Takes ownership of a value that a run returned.</summary>
    /// <param name="released">Called when the tensor is disposed.</param>
    public NativeTensor Own(OrtValue value, Action? released = null)
    {
        Interlocked.Increment(ref _live);
        return new NativeTensor(value, this, released);
    }

    internal void Released() => Interlocked.Decrement(ref _live);
}

/// <summary>A counted OrtValue.</summary>
internal sealed class NativeTensor(OrtValue value, NativeTensors owner, Action? released) : IDisposable
{
    private bool _disposed;

    public OrtValue Value => _disposed ? throw new ObjectDisposedException(nameof(NativeTensor)) : value;

    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        value.Dispose();
        released?.Invoke();
        owner.Released();
    }
}
