using System.Runtime.InteropServices;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Tests.Onnx;

public class OnnxRuntimeLibraryTests
{
    [Fact]
    public void The_native_library_is_of_the_version_that_the_code_is_written_against() =>
        Assert.StartsWith("1.31.", OnnxRuntimeLibrary.Version, StringComparison.Ordinal);

    [Fact]
    public void Telemetry_is_off_in_the_environment_that_native_code_reads()
    {
        Assert.NotEqual("", OnnxRuntimeLibrary.Version);
        if (OperatingSystem.IsWindows())
            Assert.Equal("1", Environment.GetEnvironmentVariable("ORT_DISABLE_TELEMETRY"));
        else
            Assert.Equal("1", Marshal.PtrToStringUTF8(NativeVariable([.. "ORT_DISABLE_TELEMETRY\0"u8])));
    }

    [DllImport("libc", EntryPoint = "getenv")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint NativeVariable(byte[] name);
}
