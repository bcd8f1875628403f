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

    /// <summary>Takes ownership of a value that a run returned.</summary>
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
