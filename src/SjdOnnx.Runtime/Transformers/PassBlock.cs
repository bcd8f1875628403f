using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Transformers;

/// <summary>
/// Fields in one piece of memory, which stays where it is. If the provider computes on a device, the piece has a twin there of the same
/// layout: tensors lie in the twin, .NET sees the host's memory, and one copy brings all fields up to date.
/// </summary>
/// <param name="tensors">Counts the tensors.</param>
/// <param name="memory">Where tensors are.</param>
/// <param name="device">Holds the twin; null if there is none.</param>
internal sealed class PassBlock(NativeTensors tensors, OrtMemoryInfo memory, IDeviceStream? device) : IDisposable
{
    private const int Alignment = 64; // bytes: vectors of both kinds of processor

    private byte[] _host = [];
    private nint _twin;
    private bool _isLocked;
    private int _bytes;

    /// <summary>Adds a field. All fields are added before <see cref="Allocate"/>.</summary>
    /// <exception cref="OverflowException">The block would have more than 2 GiB.</exception>
    public PassField<T> Add<T>(int count) where T : unmanaged
    {
        var field = new PassField<T>(this, _bytes, count);
        _bytes = checked(_bytes + (((count * Unsafe.SizeOf<T>()) + Alignment - 1) / Alignment * Alignment));
        return field;
    }

    /// <summary>Whether it has memory.</summary>
    public bool IsAllocated => _host.Length > 0;

    /// <summary>Takes the memory, filled with zeros, unless that was done before.</summary>
    /// <exception cref="InferenceException">The device has not enough memory.</exception>
    /// <exception cref="OutOfMemoryException">The host has not enough memory.</exception>
    public void Allocate()
    {
        if (IsAllocated)
            return;
        _host = GC.AllocateArray<byte>(_bytes + Alignment, pinned: true);
        if (device is null || _bytes == 0)
            return;
        try
        {
            _twin = device.Allocate(_bytes);
            device.Lock(Host, _bytes);
            _isLocked = true;
            Upload();
        }
        catch
        {
            Dispose();
            _host = [];
            throw;
        }
    }

    /// <summary>Begins to copy the whole block to the device.</summary>
    public void Upload()
    {
        if (_twin != 0)
            device!.Upload(Host, _twin, _bytes);
    }

    /// <summary>Begins to copy the first bytes back.</summary>
    public void Download(long bytes)
    {
        if (_twin != 0)
            device!.Download(_twin, Host, bytes);
    }

    public void Dispose()
    {
        if (_twin == 0)
            return;
        device!.Wait();
        if (_isLocked)
            device.Unlock(Host);
        device.Free(_twin);
        (_twin, _isLocked) = (0, false);
    }

    internal Span<T> Span<T>(int offset, int count) where T : unmanaged =>
        MemoryMarshal.Cast<byte, T>(_host.AsSpan(Start + offset, count * Unsafe.SizeOf<T>()));

    internal NativeTensor Tensor<T>(int offset, int count, long[] shape) where T : unmanaged =>
        tensors.Over(memory, TypeOf<T>(), (_twin != 0 ? _twin : Host) + offset, (long)count * Unsafe.SizeOf<T>(), shape);

    /// <summary>Where the first field begins in the array. The array does not move.</summary>
    private int Start => (int)(-Marshal.UnsafeAddrOfPinnedArrayElement(_host, 0) & (Alignment - 1));

    private nint Host => Marshal.UnsafeAddrOfPinnedArrayElement(_host, Start);

    private static TensorElementType TypeOf<T>() => typeof(T) == typeof(long) ? TensorElementType.Int64
        : typeof(T) == typeof(int) ? TensorElementType.Int32
        : typeof(T) == typeof(float) ? TensorElementType.Float
        : throw new NotSupportedException($"No tensor of a pass has elements of type {typeof(T)}.");
}

/// <summary>Numbers in a <see cref="PassBlock"/>.</summary>
/// <param name="Offset">Bytes from the beginning of the block.</param>
/// <param name="Count">Numbers.</param>
internal readonly record struct PassField<T>(PassBlock Block, int Offset, int Count) where T : unmanaged
{
    /// <summary>What .NET sees.</summary>
    public Span<T> Span => Block.Span<T>(Offset, Count);

    /// <summary>The number of bytes from the beginning of the block to the end of the first numbers.</summary>
    public long BytesTo(int count) => Offset + ((long)count * Unsafe.SizeOf<T>());

    /// <summary>Some of the numbers.</summary>
    public PassField<T> Slice(int start, int count) => new(Block, Offset + (start * Unsafe.SizeOf<T>()), count);

    /// <summary>A tensor of the first numbers, for ONNX Runtime.</summary>
    public NativeTensor Tensor(params long[] shape) => Block.Tensor<T>(Offset, Count, shape);
}
