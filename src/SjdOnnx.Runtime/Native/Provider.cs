using Microsoft.ML.OnnxRuntime;

namespace SjdOnnx.Runtime.Native;

/// <summary>
/// An execution provider of ONNX Runtime: the transformer runs there, or loading fails. There is no fallback to another one.
/// </summary>
/// <param name="Name">What users type.</param>
/// <param name="MemoryName">ONNX Runtime's name of its memory, where the cache lies.</param>
/// <param name="Needs">What must be installed, for the sentence that says it is missing.</param>
/// <param name="Append">Adds it to the options of a session.</param>
internal sealed record Provider(string Name, string MemoryName, string Needs, Action<SessionOptions> Append)
{
    public static readonly Provider Cpu = new("cpu", "Cpu", "", _ => { });

    private static readonly Provider[] All =
    [
        Cpu,
        new("cuda", "Cuda", "an NVIDIA GPU, CUDA 13 with cuDNN 9, and the GPU build of ONNX Runtime", AppendCuda),
        new("tensorrt", "Cuda", "an NVIDIA GPU, CUDA 13, TensorRT 10, and the GPU build of ONNX Runtime", AppendTensorRt),
        new("dml", "DML", "Windows with a DirectX 12 GPU and the DirectML build of ONNX Runtime", AppendDirectMl),
    ];

    public static IReadOnlyList<string> Names { get; } = [.. All.Select(provider => provider.Name)];

    public bool IsCpu => this == Cpu;

    /// <summary>
    /// Whether its attention takes a bias, which trees of tokens need. In ONNX Runtime 1.29 CUDA's refuses one, and so TensorRT's, which
    /// leaves attention to CUDA; DirectML's does not look at it, and the result would be wrong.
    /// </summary>
    public bool Trees => IsCpu;

    /// <exception cref="ProviderException">There is no provider of that name.</exception>
    public static Provider Find(string name) =>
        All.FirstOrDefault(provider => provider.Name == name)
        ?? throw new ProviderException($"There is no provider '{name}'; choose one of {string.Join(", ", Names)}.");

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

    /// <summary>Nodes that TensorRT leaves over go to CUDA.</summary>
    private static void AppendTensorRt(SessionOptions options)
    {
        options.AppendExecutionProvider_Tensorrt();
        options.AppendExecutionProvider_CUDA();
    }

    /// <summary>DirectML refuses memory patterns and parallel execution.</summary>
    private static void AppendDirectMl(SessionOptions options)
    {
        options.EnableMemoryPattern = false;
        options.ExecutionMode = ExecutionMode.ORT_SEQUENTIAL;
        options.AppendExecutionProvider_DML();
    }
}
