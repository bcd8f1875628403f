using System.Globalization;
using System.Runtime.InteropServices;

namespace SjdOnnx.Runtime.Onnx;

/// <summary>A stream of CUDA's runtime library, which the GPU build of ONNX Runtime loads too.</summary>
/// <remarks>CUDA Runtime API 13: Device, Stream and Memory Management. Threads may use it one after another.</remarks>
internal sealed unsafe class CudaStream : IDeviceStream
{
    private const int HostToDevice = 1; // cudaMemcpyKind
    private const int DeviceToHost = 2;
    private const uint NonBlocking = 1; // cudaStreamNonBlocking: does not wait for the default stream

    private readonly int _device;
    private readonly nint _library;
    private readonly delegate* unmanaged<int, int> _setDevice;
    private readonly delegate* unmanaged<nint, nint, nuint, int, nint, int> _copy;
    private readonly delegate* unmanaged<nint, int> _wait;

    /// <param name="device">The GPU, as CUDA counts them.</param>
    /// <param name="library">The library's file; null for CUDA 13's.</param>
    /// <exception cref="ProviderException">There is no such GPU, or its driver is too old.</exception>
    /// <exception cref="DllNotFoundException">CUDA is not installed.</exception>
    /// <exception cref="EntryPointNotFoundException">The library is another one.</exception>
    public CudaStream(int device, string? library = null)
    {
        _device = device;
        library ??= OperatingSystem.IsWindows() ? "cudart64_13.dll" : "libcudart.so.13";
        if (!NativeLibrary.TryLoad(library, out _library))
            throw new DllNotFoundException($"{library} is not found.");
        try
        {
            CheckDevice();
            _setDevice = (delegate* unmanaged<int, int>)Entry("cudaSetDevice");
            _copy = (delegate* unmanaged<nint, nint, nuint, int, nint, int>)Entry("cudaMemcpyAsync");
            _wait = (delegate* unmanaged<nint, int>)Entry("cudaStreamSynchronize");
            nint stream;
            Check(_setDevice(device), "was chosen");
            Check(((delegate* unmanaged<nint*, uint, int>)Entry("cudaStreamCreateWithFlags"))(&stream, NonBlocking), "made a stream");
            Handle = stream;
        }
        catch (Exception error)
        {
            NativeLibrary.Free(_library);
            if (error is InferenceException)
                throw new ProviderException($"The provider 'cuda' does not run here: {error.Message}", error);
            throw;
        }
    }

    /// <inheritdoc/>
    public nint Handle { get; }

    /// <inheritdoc/>
    public long FreeBytes
    {
        get
        {
            nuint free = 0;
            nuint total = 0;
            Choose();
            Check(((delegate* unmanaged<nuint*, nuint*, int>)Entry("cudaMemGetInfo"))(&free, &total), "told its free memory");
            return (long)free;
        }
    }

    /// <inheritdoc/>
    public nint Allocate(long bytes)
    {
        nint memory;
        using DeviceCalls.Held held = DeviceCalls.Begin();
        Choose();
        int status = ((delegate* unmanaged<nint*, nuint, int>)Entry("cudaMalloc"))(&memory, checked((nuint)bytes));
        if (status == 0)
            return memory;
        _ = ((delegate* unmanaged<int>)Entry("cudaGetLastError"))(); // ONNX Runtime would take the error for its own
        throw new InferenceException(string.Create(CultureInfo.InvariantCulture,
            $"The GPU has no room for {bytes >> 20} MiB more: {FreeBytes >> 20} MiB are free. Choose a smaller window, or draw fewer " +
            $"images at once (MaxBatch). (CUDA: {Text(status)})"));
    }

    /// <inheritdoc/>
    public void Free(nint memory)
    {
        using DeviceCalls.Held held = DeviceCalls.Begin();
        Choose();
        _ = ((delegate* unmanaged<nint, int>)Entry("cudaFree"))(memory);
    }

    /// <inheritdoc/>
    public void Lock(nint host, long bytes)
    {
        using DeviceCalls.Held held = DeviceCalls.Begin();
        Choose();
        Check(((delegate* unmanaged<nint, nuint, uint, int>)Entry("cudaHostRegister"))(host, checked((nuint)bytes), 0), "locked memory");
    }

    /// <inheritdoc/>
    public void Unlock(nint host)
    {
        using DeviceCalls.Held held = DeviceCalls.Begin();
        Choose();
        _ = ((delegate* unmanaged<nint, int>)Entry("cudaHostUnregister"))(host);
    }

    /// <inheritdoc/>
    public void Upload(nint host, nint device, long bytes)
    {
        Choose();
        Check(_copy(device, host, checked((nuint)bytes), HostToDevice, Handle), "copied the inputs of a pass");
    }

    /// <inheritdoc/>
    public void Download(nint device, nint host, long bytes)
    {
        Choose();
        Check(_copy(host, device, checked((nuint)bytes), DeviceToHost, Handle), "copied the logits of a pass");
    }

    /// <inheritdoc/>
    public void Wait() => Check(_wait(Handle), "finished a pass");

    public void Dispose()
    {
        Choose();
        _ = ((delegate* unmanaged<nint, int>)Entry("cudaStreamDestroy"))(Handle);
        NativeLibrary.Free(_library);
    }

    private void CheckDevice()
    {
        int count = 0;
        int status = ((delegate* unmanaged<int*, int>)Entry("cudaGetDeviceCount"))(&count);
        if (status != 0)
            throw new ProviderException($"The provider 'cuda' does not run here: {Reason(status)}");
        if (_device >= count)
        {
            string seen = count == 1 ? "1 GPU; it must be 0" : $"{count} GPUs; choose a number from 0 to {count - 1}";
            throw new ProviderException($"device_id is {_device}, but CUDA sees {seen}.");
        }
    }

    private string Reason(int status)
    {
        int driver = 0;
        int runtime = 0;
        _ = ((delegate* unmanaged<int*, int>)Entry("cudaDriverGetVersion"))(&driver);
        _ = ((delegate* unmanaged<int*, int>)Entry("cudaRuntimeGetVersion"))(&runtime);
        return driver > 0 && driver / 1000 < runtime / 1000
            ? $"the driver runs CUDA {Version(driver)}, and CUDA {Version(runtime)} is installed; install a newer driver (nvidia-smi " +
              "tells which one there is)."
            : $"{Text(status)}. 'sjd doctor --provider cuda' tells what is missing.";

        static string Version(int number) => $"{number / 1000}.{number % 1000 / 10}";
    }

    /// <summary>The device is a property of the calling thread.</summary>
    private void Choose() => Check(_setDevice(_device), "was chosen");

    private void Check(int status, string did)
    {
        if (status != 0)
            throw new InferenceException($"GPU {_device} failed when it {did}: {Text(status)}.");
    }

    private string Text(int status) =>
        Marshal.PtrToStringUTF8(((delegate* unmanaged<int, nint>)Entry("cudaGetErrorString"))(status)) ?? $"error {status}";

    private nint Entry(string name) => NativeLibrary.GetExport(_library, name);
}
