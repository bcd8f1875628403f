using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Transformers;

/// <summary>The memory in which .NET and the provider exchange the inputs and outputs of passes.</summary>
/// <param name="tensors">Counts the tensors.</param>
/// <param name="provider">Computes.</param>
/// <param name="device">
/// Copies what the provider reads and writes; null if the provider, or ONNX Runtime for it, uses the host's memory.
/// </param>
internal sealed class PassMemory(NativeTensors tensors, Provider provider, IDeviceStream? device) : IDisposable
{
    private readonly OrtMemoryInfo? _onDevice = device is null ? null : provider.MemoryInfo();

    /// <summary>Whether inputs and outputs are copied, in the order of the calls, and stay at their addresses.</summary>
    public bool HasDevice => device is not null;

    /// <summary>Whether every pass must bind its inputs again, because ONNX Runtime copies them when they are bound.</summary>
    public bool CopiesWhenBound => device is null && !provider.IsCpu;

    /// <summary>Time spent in copies.</summary>
    public TimeSpan TimeInTransfers { get; private set; }

    /// <summary>Memory that the provider computes with.</summary>
    public PassBlock Block() => new(tensors, device is null ? OrtMemoryInfo.DefaultInstance : _onDevice!, device);

    /// <summary>Memory for inputs that the provider reads on the host.</summary>
    public PassBlock HostBlock() => new(tensors, OrtMemoryInfo.DefaultInstance, device: null);

    /// <summary>
    /// A tensor in the device's memory. It is not in the memory of a session: there it could lie where a captured pass writes, since for
    /// ONNX Runtime that memory is free again after the pass.
    /// </summary>
    /// <exception cref="InferenceException">The device has not enough memory.</exception>
    public NativeTensor Allocate(TensorElementType type, long[] shape) => tensors.Allocate(device!, _onDevice!, type, shape);

    /// <summary>Begins to copy what .NET wrote.</summary>
    public void Upload(PassBlock block)
    {
        if (device is null)
            return;
        long start = Stopwatch.GetTimestamp();
        block.Upload();
        TimeInTransfers += Stopwatch.GetElapsedTime(start);
    }

    /// <summary>Copies the first bytes of what a pass wrote, and waits for that.</summary>
    public void Download(params ReadOnlySpan<(PassBlock Block, long Bytes)> blocks)
    {
        if (device is null)
            return;
        long start = Stopwatch.GetTimestamp();
        foreach ((PassBlock block, long bytes) in blocks)
            block.Download(bytes);
        device.Wait();
        TimeInTransfers += Stopwatch.GetElapsedTime(start);
    }

    public void Dispose() => _onDevice?.Dispose();
}
