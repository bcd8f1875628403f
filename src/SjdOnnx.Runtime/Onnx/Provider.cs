using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Runtime.Onnx;

/// <summary>What ONNX Runtime needs to run graphs on an <see cref="ExecutionProvider"/>.</summary>
/// <param name="Kind">The provider.</param>
/// <param name="MemoryName">ONNX Runtime's name for the provider's memory, which holds the cache.</param>
/// <param name="Needs">What must be installed, for the error message that says it is missing.</param>
/// <param name="Append">Adds the provider to the options of a session.</param>
internal sealed record Provider(ExecutionProvider Kind, string MemoryName, string Needs, Action<SessionOptions> Append)
{
    private static readonly Provider[] All =
    [
        new(ExecutionProvider.Cpu, "Cpu", "", _ => { }),
        new(ExecutionProvider.Cuda, "Cuda", "an NVIDIA GPU, CUDA 13 with cuDNN 9, and the GPU build of ONNX Runtime", AppendCuda),
        new(ExecutionProvider.TensorRt, "Cuda", "an NVIDIA GPU, CUDA 13, TensorRT 10, and the GPU build of ONNX Runtime", AppendTensorRt),
        new(ExecutionProvider.DirectMl, "DML", "Windows with a DirectX 12 GPU and the DirectML build of ONNX Runtime", AppendDirectMl),
    ];

    public string Name => Kind.Name();

    public bool IsCpu => Kind == ExecutionProvider.Cpu;

    /// <summary>
    /// Whether the provider's attention accepts a bias, which trees of tokens need. In ONNX Runtime 1.31, CUDA's refuses one, and so does
    /// TensorRT's, which leaves attention to CUDA. DirectML's ignores it, and the result would be wrong.
    /// </summary>
    public bool Trees => IsCpu;

    /// <exception cref="ArgumentOutOfRangeException">The value is not in the enumeration.</exception>
    public static Provider Of(ExecutionProvider kind) => Array.Find(All, provider => provider.Kind == kind)
        ?? throw new ArgumentOutOfRangeException(nameof(kind), kind, $"There is no provider {kind}; choose one of the enumeration.");

    /// <exception cref="ProviderException">This machine or this build of ONNX Runtime does not have the provider.</exception>
    public void AppendTo(SessionOptions options)
    {
        try
        {
            Append(options);
        }
        catch (Exception error) when (
            error is OnnxRuntimeException or EntryPointNotFoundException or DllNotFoundException or NotSupportedException)
        {
            throw NotAvailable(error);
        }
    }

    public ProviderException NotAvailable(Exception error) =>
        new($"The provider '{Name}' is not available here: it needs {Needs}. Install these, or choose the provider cpu. " +
            $"(ONNX Runtime: {Sentence.Of(error)})", error);

    private static void AppendCuda(SessionOptions options) => options.AppendExecutionProvider_CUDA();

    /// <summary>CUDA runs the nodes that TensorRT does not support.</summary>
    private static void AppendTensorRt(SessionOptions options)
    {
        options.AppendExecutionProvider_Tensorrt();
        options.AppendExecutionProvider_CUDA();
    }

    /// <summary>DirectML supports neither memory patterns nor parallel execution.</summary>
    private static void AppendDirectMl(SessionOptions options)
    {
        options.EnableMemoryPattern = false;
        options.ExecutionMode = ExecutionMode.ORT_SEQUENTIAL;
        options.AppendExecutionProvider_DML();
    }
}
