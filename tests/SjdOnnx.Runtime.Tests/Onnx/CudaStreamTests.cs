using System.Diagnostics;
using System.Runtime.InteropServices;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Tests.Onnx;

/// <summary>The calls to CUDA's runtime library, with a stand-in for it that is compiled here from cudart.c.</summary>
[Collection(UsesDevice.Name)]
public sealed class CudaStreamTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("sjdonnx-cudart-");

    public void Dispose() => _folder.Delete(recursive: true);

    [CompilerFact]
    public void What_is_copied_to_the_GPU_comes_back()
    {
        using var stream = new CudaStream(device: 1, Library(devices: 2));
        Assert.NotEqual(0, stream.Handle);
        Assert.Equal(123L << 20, stream.FreeBytes);
        byte[] bytes = GC.AllocateArray<byte>(100, pinned: true);
        nint host = Marshal.UnsafeAddrOfPinnedArrayElement(bytes, 0);
        nint memory = stream.Allocate(bytes.Length);
        stream.Lock(host, bytes.Length);
        Array.Fill<byte>(bytes, 7);
        stream.Upload(host, memory, bytes.Length);
        Array.Clear(bytes);
        stream.Download(memory, host, 60);
        stream.Wait();
        stream.Unlock(host);
        stream.Free(memory);
        Assert.Equal([.. Enumerable.Repeat<byte>(7, 60), .. new byte[40]], bytes);
    }

    [CompilerFact]
    public void Too_little_memory_is_told_with_what_is_needed_and_free()
    {
        using var stream = new CudaStream(device: 0, Library(devices: 1));
        var error = Assert.Throws<InferenceException>(() => stream.Allocate(3L << 30));
        Messages.AssertReadable(error);
        Assert.StartsWith("The GPU has no room for 3072 MiB more: 123 MiB are free.", error.Message, StringComparison.Ordinal);
        Assert.Contains("out of memory", error.Message, StringComparison.Ordinal);
    }

    [CompilerFact]
    public void A_call_that_CUDA_refuses_is_an_error()
    {
        using var stream = new CudaStream(device: 0, Library(devices: 1));
        var error = Assert.Throws<InferenceException>(() => stream.Lock(0, 10));
        Messages.AssertReadable(error);
        Assert.Contains("invalid argument", error.Message, StringComparison.Ordinal);
    }

    [CompilerTheory]
    [InlineData(2, 5, 13000, "device_id is 5, but CUDA sees 2 GPUs; choose a number from 0 to 1.")]
    [InlineData(1, 1, 13000, "device_id is 1, but CUDA sees 1 GPU; it must be 0.")]
    [InlineData(0, 0, 13000, "no CUDA-capable device is detected")]
    [InlineData(0, 0, 12040, "the driver runs CUDA 12.4, and CUDA 13.0 is installed; install a newer driver")]
    public void A_GPU_that_cannot_be_used_is_refused(int devices, int device, int driver, string sentence)
    {
        var error = Assert.Throws<ProviderException>(() => new CudaStream(device, Library(devices, driver)).Dispose());
        Messages.AssertReadable(error);
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_CUDA_the_provider_is_not_available()
    {
        Provider cuda = Provider.Of(ExecutionProvider.Cuda) with { StreamOf = static device => new CudaStream(device, "libnone.so") };
        var error = Assert.Throws<ProviderException>(cuda.OpenStream);
        Messages.AssertReadable(error);
        Assert.Contains("'cuda' is not available here", error.Message, StringComparison.Ordinal);
        Assert.Contains("libnone.so is not found", error.Message, StringComparison.Ordinal);
    }

    [CompilerFact]
    public void Another_library_of_that_name_is_no_CUDA()
    {
        string source = Path.Combine(_folder.FullName, "other.c");
        File.WriteAllText(source, "int other;");
        Provider cuda = Provider.Of(ExecutionProvider.Cuda) with { StreamOf = device => new CudaStream(device, Compile(source)) };
        var error = Assert.Throws<ProviderException>(cuda.OpenStream);
        Assert.Contains("'cuda' is not available here", error.Message, StringComparison.Ordinal);
    }

    private string Library(int devices, int driver = 13000) =>
        Compile(Path.Combine(AppContext.BaseDirectory, "Onnx", "cudart.c"), $"-DDEVICES={devices}", $"-DDRIVER={driver}");

    private string Compile(string source, params string[] options)
    {
        string library = Path.Combine(_folder.FullName, "libcudart-stand-in.so");
        using Process compiler = Process.Start(Compiler.Command, ["-shared", "-fPIC", "-o", library, .. options, source]);
        compiler.WaitForExit();
        Assert.Equal(0, compiler.ExitCode);
        return library;
    }

    private static class Compiler
    {
        public const string Command = "cc";

        public static string? Missing { get; } =
            OperatingSystem.IsLinux() && (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(
                static folder => File.Exists(Path.Combine(folder, Command)))
                ? null : $"It needs Linux and a C compiler ({Command}).";
    }

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class CompilerFactAttribute : FactAttribute
    {
        public CompilerFactAttribute() => Skip = Compiler.Missing;
    }

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class CompilerTheoryAttribute : TheoryAttribute
    {
        public CompilerTheoryAttribute() => Skip = Compiler.Missing;
    }
}
