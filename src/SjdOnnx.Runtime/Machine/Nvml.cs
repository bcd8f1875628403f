using System.Runtime.InteropServices;
using System.Text;

namespace SjdOnnx.Runtime.Machine;

/// <summary>NVIDIA's management library, which comes with the driver: what GPUs there are, whatever else is installed.</summary>
/// <remarks>NVML API Reference, Device Queries and System Queries.</remarks>
internal static unsafe class Nvml
{
    private const int MaxName = 96; // NVML_DEVICE_NAME_V2_BUFFER_SIZE

    /// <summary>The file of the library.</summary>
    public static string File => OperatingSystem.IsWindows() ? "nvml.dll" : "libnvidia-ml.so.1";

    /// <summary>The GPUs that the driver sees; empty if there is no driver.</summary>
    public static IReadOnlyList<GpuDevice> Devices()
    {
        if (!NativeLibrary.TryLoad(File, out nint library))
            return [];
        try
        {
            return Devices(library);
        }
        catch (EntryPointNotFoundException)
        {
            return []; // a driver from before 2014
        }
        finally
        {
            NativeLibrary.Free(library);
        }
    }

    private static List<GpuDevice> Devices(nint library)
    {
        var found = new List<GpuDevice>();
        if (((delegate* unmanaged<int>)Entry("nvmlInit_v2"))() != 0)
            return found;
        try
        {
            uint count = 0;
            if (((delegate* unmanaged<uint*, int>)Entry("nvmlDeviceGetCount_v2"))(&count) != 0)
                return found;
            string driver = Text(
                (buffer, length) => ((delegate* unmanaged<byte*, uint, int>)Entry("nvmlSystemGetDriverVersion"))(buffer, length));
            int cuda = 0;
            _ = ((delegate* unmanaged<int*, int>)Entry("nvmlSystemGetCudaDriverVersion_v2"))(&cuda);
            for (uint index = 0; index < count; index++)
            {
                nint device;
                Memory memory;
                if (((delegate* unmanaged<uint, nint*, int>)Entry("nvmlDeviceGetHandleByIndex_v2"))(index, &device) != 0
                    || ((delegate* unmanaged<nint, Memory*, int>)Entry("nvmlDeviceGetMemoryInfo"))(device, &memory) != 0)
                    continue;
                nint handle = device; // a lambda cannot use a variable whose address was taken
                string name = Text(
                    (buffer, length) => ((delegate* unmanaged<nint, byte*, uint, int>)Entry("nvmlDeviceGetName"))(handle, buffer, length));
                string version = $"{cuda / 1000}.{cuda % 1000 / 10}";
                found.Add(new GpuDevice((int)index, name, driver, version, (long)memory.Total, (long)memory.Free));
            }
        }
        finally
        {
            _ = ((delegate* unmanaged<int>)Entry("nvmlShutdown"))();
        }

        return found;

        nint Entry(string name) => NativeLibrary.GetExport(library, name);
    }

    private static string Text(Reader read)
    {
        byte* buffer = stackalloc byte[MaxName];
        return read(buffer, MaxName) == 0 ? Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(buffer)) : "unknown";
    }

    private delegate int Reader(byte* buffer, uint length);

    /// <summary>nvmlMemory_t, in bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Memory
    {
        public readonly ulong Total;
        public readonly ulong Free;
        public readonly ulong Used;
    }
}
