using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Runtime.Machine;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime;

/// <summary>A GPU, as its driver sees it.</summary>
/// <param name="Index">The number that <c>device_id</c> names.</param>
/// <param name="Name">The product.</param>
/// <param name="Driver">The driver's version.</param>
/// <param name="Cuda">The newest version of CUDA that the driver runs, such as <c>13.0</c>.</param>
/// <param name="TotalMemory">Bytes.</param>
/// <param name="FreeMemory">Bytes that nobody uses at this moment.</param>
public sealed record GpuDevice(int Index, string Name, string Driver, string Cuda, long TotalMemory, long FreeMemory)
{
    /// <summary>NVIDIA's GPUs in this machine; empty if there is none, or no driver.</summary>
    public static IReadOnlyList<GpuDevice> All() => Nvml.Devices();
}

/// <summary>A native library that a provider loads.</summary>
/// <param name="File">The name by which it is loaded.</param>
/// <param name="Source">What brings it.</param>
/// <param name="IsFound">Whether it can be loaded here.</param>
public sealed record ProviderLibrary(string File, string Source, bool IsFound);

/// <summary>Whether an execution provider runs on this machine, and what it lacks.</summary>
/// <param name="Provider">The provider.</param>
/// <param name="Problem">Why it does not run; null if it runs.</param>
/// <param name="Libraries">The libraries that it loads beside the program; empty for the CPU.</param>
public sealed record ProviderReport(ExecutionProvider Provider, string? Problem, IReadOnlyList<ProviderLibrary> Libraries)
{
    private const string Ort = "the build of ONNX Runtime for GPUs (build with -p:OnnxRuntime=gpu)";
    private const string CudaToolkit = "CUDA 13";

    // A graph of one node, y = -x for float x[1], at opset 17.
    private static readonly byte[] Graph =
        Convert.FromBase64String("CAg6MgoLCgF4EgF5IgNOZWcSAXBaDwoBeBIKCggIARIECgIIAWIPCgF5EgoKCAgBEgQKAggBQgQKABAR");

    // What the provider's library in ONNX Runtime 1.31 names (readelf -d), and what it loads later.
    private static readonly (string File, string Source)[] OfCuda = OperatingSystem.IsWindows()
        ?
        [
            ("onnxruntime_providers_cuda.dll", Ort), ("nvcuda.dll", "NVIDIA's driver"), ("cudart64_13.dll", CudaToolkit),
            ("cublas64_13.dll", CudaToolkit), ("cublasLt64_13.dll", CudaToolkit), ("curand64_10.dll", CudaToolkit),
            ("cudnn64_9.dll", "cuDNN 9 for CUDA 13"),
        ]
        :
        [
            ("libonnxruntime_providers_cuda.so", Ort), ("libcuda.so.1", "NVIDIA's driver"),
            ("libcudart.so.13", $"{CudaToolkit} (package cuda-cudart-13-0)"),
            ("libcublas.so.13", $"{CudaToolkit} (package libcublas-13-0)"),
            ("libcublasLt.so.13", $"{CudaToolkit} (package libcublas-13-0)"),
            ("libcurand.so.10", $"{CudaToolkit} (package libcurand-13-0)"),
            ("libcudnn.so.9", "cuDNN 9 (package libcudnn9-cuda-13)"),
        ];

    private static readonly (string File, string Source)[] OfTensorRt = OperatingSystem.IsWindows()
        ? [("onnxruntime_providers_tensorrt.dll", Ort), ("nvinfer_10.dll", "TensorRT 10"), ("nvonnxparser_10.dll", "TensorRT 10")]
        :
        [
            ("libonnxruntime_providers_tensorrt.so", Ort), ("libnvinfer.so.10", "TensorRT 10 (package libnvinfer10)"),
            ("libnvonnxparser.so.10", "TensorRT 10 (package libnvonnxparsers10)"),
        ];

    /// <summary>Whether the provider runs here: a graph of one node was computed on it.</summary>
    public bool Runs => Problem is null;

    /// <summary>Tries a provider. The first time that a GPU is used, this takes a second or more.</summary>
    /// <param name="provider">The provider.</param>
    /// <param name="options"><inheritdoc cref="ModelLoadOptions.ProviderOptions" path="/summary"/></param>
    /// <exception cref="ArgumentOutOfRangeException">The value is not in the enumeration.</exception>
    public static ProviderReport Of(ExecutionProvider provider, IReadOnlyDictionary<string, string>? options = null)
    {
        (string File, string Source)[] needed = provider switch
        {
            ExecutionProvider.Cuda => OfCuda,
            ExecutionProvider.TensorRt => [.. OfCuda, .. OfTensorRt],
            ExecutionProvider.DirectMl => [("DirectML.dll", "the build of ONNX Runtime for DirectML, on Windows")],
            _ => [],
        };
        return new ProviderReport(
            provider, Try(provider, options),
            [.. needed.Select(static one => new ProviderLibrary(one.File, one.Source, IsFound(one.File)))]);
    }

    /// <returns>Null, or why the provider does not run.</returns>
    private static string? Try(ExecutionProvider provider, IReadOnlyDictionary<string, string>? options)
    {
        try
        {
            var chosen = Onnx.Provider.Of(provider, options);
            using Session session = Session.Open(Graph, chosen);
            using OrtValue x = OrtValue.CreateTensorValueFromMemory([1f], [1]);
            using IDisposableReadOnlyCollection<OrtValue> y = session.Run("x", x, ["y"], CancellationToken.None);
            return y[0].GetTensorDataAsSpan<float>()[0] == -1 ? null : "A graph of one node gives a wrong result.";
        }
        catch (SjdOnnxException error)
        {
            return error.Message;
        }
    }

    /// <summary>Files of ONNX Runtime are beside the program, the others where the system finds libraries.</summary>
    private static bool IsFound(string file)
    {
        if (file.Contains("onnxruntime_providers", StringComparison.Ordinal))
            return File.Exists(Path.Combine(AppContext.BaseDirectory, file));
        if (!NativeLibrary.TryLoad(file, out nint library))
            return false;
        NativeLibrary.Free(library);
        return true;
    }
}
