using Microsoft.ML.OnnxRuntime;

namespace SjdOnnx.Runtime;

/// <summary>Where and how the graphs of a model run.</summary>
public record ModelLoadOptions
{
    /// <summary>Where the graphs run. If the provider is not available, loading fails; no other provider takes its place.</summary>
    public ExecutionProvider Provider { get; init; } = ExecutionProvider.Cpu;

    /// <summary>
    /// Options of the provider by name, such as <c>device_id</c> and <c>gpu_mem_limit</c> (bytes) of CUDA, and of ONNX Runtime's sessions,
    /// whose names have a period, such as <c>ep.cuda.fpa_intb_gemm</c>. Loading refuses an unknown one. CUDA computes fp32 products in
    /// full precision unless <c>use_tf32</c> is 1.
    /// </summary>
    /// <exception cref="ArgumentException">A name or a value is empty.</exception>
    public IReadOnlyDictionary<string, string> ProviderOptions
    {
        get;
        init => field = value.All(static option => option.Key.Length > 0 && !string.IsNullOrEmpty(option.Value))
            ? value
            : throw new ArgumentException("Every provider option must have a name and a value.", nameof(ProviderOptions));
    } = new Dictionary<string, string>();

    /// <summary>
    /// Threads of a forward pass; 0 takes the physical cores. A number above <see cref="Environment.ProcessorCount"/> is lowered to that:
    /// more threads than processors wait for each other.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public int Threads
    {
        get;
        init => field = value >= 0
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Threads), value, "Threads must be 0 or more; 0 takes the physical cores.");
    }

    /// <summary>
    /// The folder for cached measurements and verified hashes; "" for none. Null takes the environment variable SJDONNX_CACHE, a folder or
    /// "off", or else the user's cache: $XDG_CACHE_HOME/sjdonnx, ~/.cache/sjdonnx, ~/Library/Caches/sjdonnx or %LOCALAPPDATA%\sjdonnx. If
    /// the folder cannot be written, every process measures and verifies again.
    /// </summary>
    public string? CacheFolder { get; init; }

    /// <summary>When the model's files are compared with the hashes in model.json.</summary>
    public HashVerification HashVerification { get; init; } = HashVerification.Once;

    /// <summary>
    /// Changes the options of each session before ONNX Runtime opens its graph, after this library has set its own: for options of a
    /// provider, for example. It is called on several threads.
    /// </summary>
    public Action<SessionOptions>? ConfigureSession { get; init; }

    /// <summary>Threads of a forward pass, from <see cref="Threads"/>: 1 or more.</summary>
    internal int PassThreads => Threads > 0 ? Math.Min(Threads, Environment.ProcessorCount) : Processor.PhysicalCores();
}
