using Microsoft.ML.OnnxRuntime;

namespace SjdOnnx.Runtime;

/// <summary>How a model is loaded.</summary>
public sealed record TextToImageOptions
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

    /// <summary>One of the model's precisions; null takes the model's default.</summary>
    public Precision? Precision { get; init; }

    /// <summary>
    /// The most images in one forward pass, 1 or more; null takes the largest of <see cref="ModelDescription.Batches"/>. Requests that
    /// arrive while others are drawn join them up to this number. Each image that is drawn needs memory for its own cache.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public int? MaxBatch
    {
        get;
        init => field = value is null or >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(MaxBatch), value, "MaxBatch must be 1 or more images.");
    }

    /// <summary>The most requests that wait for their turn. One more ends with a <see cref="QueueFullException"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public int MaxQueueLength
    {
        get;
        init => field = value >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(MaxQueueLength), value, "MaxQueueLength must be 1 or more requests.");
    } = 1024;

    /// <summary>
    /// The folder for cached measurements and verified hashes; "" for none. Null takes the environment variable SJDONNX_CACHE, a folder or
    /// "off", or else the user's cache: $XDG_CACHE_HOME/sjdonnx, ~/.cache/sjdonnx, ~/Library/Caches/sjdonnx or %LOCALAPPDATA%\sjdonnx. If
    /// the folder cannot be written, every process measures and verifies again.
    /// </summary>
    public string? CacheFolder { get; init; }

    /// <summary>When the model's files are compared with the hashes in model.json.</summary>
    public HashVerification HashVerification { get; init; } = HashVerification.Once;

    /// <summary>
    /// Images that are expected to be drawn at once: loading opens the graph for so many, and other graphs are opened when they are first
    /// needed. It limits nothing.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public int ExpectedBatch
    {
        get;
        init => field = value >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(ExpectedBatch), value, "ExpectedBatch must be 1 or more images.");
    } = 1;

    /// <summary>
    /// Changes the options of each session before ONNX Runtime opens its graph, after this library has set its own: for options of a
    /// provider, for example. It is called on several threads.
    /// </summary>
    public Action<SessionOptions>? ConfigureSession { get; init; }
}

/// <summary>Progress of <see cref="TextToImage.LoadAsync"/>.</summary>
/// <param name="BytesVerified">Bytes whose hash has been compared with model.json.</param>
/// <param name="BytesToVerify">Bytes to compare; 0 if nothing has changed since the last time.</param>
/// <param name="GraphsOpened">Graphs that are open.</param>
/// <param name="GraphsToOpen">Graphs to open.</param>
public sealed record LoadProgress(long BytesVerified, long BytesToVerify, int GraphsOpened, int GraphsToOpen);
