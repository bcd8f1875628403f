using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Runtime.Onnx;

/// <summary>What ONNX Runtime needs to run graphs on an <see cref="ExecutionProvider"/>.</summary>
/// <param name="Kind">The provider.</param>
/// <param name="MemoryName">ONNX Runtime's name for the provider's memory, which holds the cache.</param>
/// <param name="Needs">What must be installed, for the error message that says it is missing.</param>
/// <param name="Append">Adds the provider with its options to a session.</param>
internal sealed record Provider(
    ExecutionProvider Kind, string MemoryName, string Needs, Action<SessionOptions, Dictionary<string, string>> Append)
{
    private const string DeviceId = "device_id";

    private static readonly Provider[] All =
    [
        new(ExecutionProvider.Cpu, "Cpu", "", (_, _) => { }),
        new(ExecutionProvider.Cuda, "Cuda", "an NVIDIA GPU, CUDA 13 with cuDNN 9, and the GPU build of ONNX Runtime", AppendCuda),
        new(ExecutionProvider.TensorRt, "Cuda", "an NVIDIA GPU, CUDA 13, TensorRT 10, and the GPU build of ONNX Runtime", AppendTensorRt),
        new(ExecutionProvider.DirectMl, "DML", "Windows with a DirectX 12 GPU and the DirectML build of ONNX Runtime", AppendDirectMl),
    ];

    // Options of CUDA that this engine sets itself.
    private const string CudaGraph = "enable_cuda_graph";
    private const string FastIntegerProducts = "ep.cuda.fpa_intb_gemm";
    private const string CudaComputeStream = "user_compute_stream";

    private SortedDictionary<string, string> _options = new(StringComparer.Ordinal);

    public string Name => Kind.Name();

    /// <summary>The name and the options, such as <c>cuda device_id=1</c>: measurements of one do not hold for another.</summary>
    public string Key => string.Join(' ', [Name, .. _options.Select(static option => $"{option.Key}={option.Value}")]);

    public bool IsCpu => Kind == ExecutionProvider.Cpu;

    /// <summary>The device that computes and holds the cache, as the provider counts them.</summary>
    public int Device { get; private init; }

    /// <summary>
    /// Whether the provider's attention accepts a bias, which trees of tokens need. In ONNX Runtime 1.31, CUDA's refuses one, and so does
    /// TensorRT's, which leaves attention to CUDA. DirectML's ignores it, and the result would be wrong.
    /// </summary>
    public bool Trees => IsCpu;

    /// <summary>
    /// Whether ONNX Runtime may run nodes of the transformer on the CPU. It copies a bound input to the node's device when the input is
    /// bound, so attention on the CPU would read a cache that is never brought up to date.
    /// </summary>
    public bool MayFallBack { get; init; } = Kind == ExecutionProvider.Cpu;

    /// <summary>Whether sessions of the transformer capture passes (CUDA graphs). The option enable_cuda_graph=0 turns this off.</summary>
    public bool Captures { get; init; }

    /// <summary>Makes the stream of <see cref="OpenStream"/>.</summary>
    public Func<int, IDeviceStream>? StreamOf { get; init; } =
        Kind == ExecutionProvider.Cuda ? static device => new CudaStream(device) : null;

    /// <param name="kind">The provider.</param>
    /// <param name="options">Options of the provider and, with a period in the key, of the session; null for none.</param>
    /// <exception cref="ArgumentOutOfRangeException">The value is not in the enumeration.</exception>
    /// <exception cref="ProviderException">There is no such option.</exception>
    public static Provider Of(ExecutionProvider kind, IReadOnlyDictionary<string, string>? options = null)
    {
        Provider provider = Array.Find(All, provider => provider.Kind == kind)
            ?? throw new ArgumentOutOfRangeException(nameof(kind), kind, $"There is no provider {kind}; choose one of the enumeration.");
        foreach (string key in options?.Keys ?? [])
        {
            if (SessionKeys.IsOne(key))
                SessionKeys.Check(key);
            else if (kind == ExecutionProvider.Cpu)
                throw provider.Refuses(key, "It has none of its own");
            else if (kind == ExecutionProvider.DirectMl && key != DeviceId)
                throw provider.Refuses(key, $"It has {DeviceId} alone");
        }

        string device = options?.GetValueOrDefault(DeviceId) ?? "0";
        if (!int.TryParse(device, NumberStyles.None, CultureInfo.InvariantCulture, out int index))
            throw new ProviderException($"{DeviceId} is '{device}'; it must be a whole number, 0 or more.");
        if (kind == ExecutionProvider.Cuda && options?.ContainsKey(CudaComputeStream) == true)
            throw provider.Refuses(CudaComputeStream, "This engine sets it");
        return provider with
        {
            _options = new(options?.ToDictionary() ?? [], StringComparer.Ordinal),
            Device = index,
            Captures = kind == ExecutionProvider.Cuda && options?.GetValueOrDefault(CudaGraph) is null or "1",
        };
    }

    /// <summary>Names the memory in which it computes and holds the cache.</summary>
    public OrtMemoryInfo MemoryInfo() => new(MemoryName, OrtAllocatorType.DeviceAllocator, Device, OrtMemType.Default);

    /// <summary>
    /// Opens the stream that sessions of the transformer compute in; null if this engine does not copy their inputs and outputs itself.
    /// </summary>
    /// <exception cref="ProviderException">There is no such device, or something is not installed.</exception>
    public IDeviceStream? OpenStream()
    {
        try
        {
            return StreamOf?.Invoke(Device);
        }
        catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
        {
            throw NotAvailable(error);
        }
    }

    /// <summary>Adds the provider to a session.</summary>
    /// <param name="mustStay">Whether every node must run on it, unless it <see cref="MayFallBack"/>.</param>
    /// <param name="stream">Where a session of the transformer computes; null for another session, or a stream of its own.</param>
    /// <exception cref="ProviderException">
    /// This machine or this build of ONNX Runtime does not have the provider, or an option is wrong.
    /// </exception>
    public void AppendTo(SessionOptions session, bool mustStay, IDeviceStream? stream = null)
    {
        Dictionary<string, string> own = _options.Where(static option => !SessionKeys.IsOne(option.Key)).ToDictionary();
        if (Kind == ExecutionProvider.Cuda)
        {
            own[CudaGraph] = Captures && stream is not null ? "1" : "0"; // the other graphs run once for an image
            if (stream is not null)
                own[CudaComputeStream] = stream.Handle.ToString(CultureInfo.InvariantCulture);
        }

        // The other kernel of products with weights of 4 and 8 bits: 1.6 times as fast in windows of 16 on an H100
        // (docs/benchmarks/gpu.md).
        if (Kind == ExecutionProvider.Cuda && !_options.ContainsKey(FastIntegerProducts))
            session.AddSessionConfigEntry(FastIntegerProducts, "1");
        foreach ((string key, string value) in _options.Where(static option => SessionKeys.IsOne(option.Key)))
            session.AddSessionConfigEntry(key, value);
        try
        {
            Append(session, own);
        }
        catch (Exception error) when (
            error is OnnxRuntimeException or EntryPointNotFoundException or DllNotFoundException or NotSupportedException)
        {
            throw NotAvailable(error);
        }

        if (mustStay && !MayFallBack)
            session.AddSessionConfigEntry("session.disable_cpu_ep_fallback", "1");
    }

    public ProviderException NotAvailable(Exception error) =>
        new($"The provider '{Name}' is not available here: it needs {Needs}. Install these, or choose the provider cpu. " +
            $"({(error is OnnxRuntimeException ? "ONNX Runtime: " : "")}{Sentence.Of(error)})", error);

    private ProviderException Refuses(string key, string reason) =>
        new($"The provider '{Name}' has no option '{key}'. {reason}; options of the session have a period in their name.");

    private static void AppendCuda(SessionOptions session, Dictionary<string, string> options)
    {
        using var cuda = new OrtCUDAProviderOptions();
        options.TryAdd("use_tf32", "0"); // products of fp32 with 10 bits of mantissa would not be what the precision's name says
        Update(ExecutionProvider.Cuda, options, cuda.UpdateOptions);
        session.AppendExecutionProvider_CUDA(cuda);
    }

    /// <summary>
    /// CUDA runs the nodes that TensorRT does not support. Options that begin with trt_ are TensorRT's, the others CUDA's.
    /// </summary>
    private static void AppendTensorRt(SessionOptions session, Dictionary<string, string> options)
    {
        using var tensorRt = new OrtTensorRTProviderOptions();
        Update(
            ExecutionProvider.TensorRt, options.Where(static option => IsTensorRts(option.Key) || option.Key == DeviceId).ToDictionary(),
            tensorRt.UpdateOptions);
        session.AppendExecutionProvider_Tensorrt(tensorRt);
        AppendCuda(session, options.Where(static option => !IsTensorRts(option.Key)).ToDictionary());

        static bool IsTensorRts(string key) => key.StartsWith("trt_", StringComparison.Ordinal);
    }

    /// <summary>DirectML supports neither memory patterns nor parallel execution.</summary>
    private static void AppendDirectMl(SessionOptions session, Dictionary<string, string> options)
    {
        session.EnableMemoryPattern = false;
        session.ExecutionMode = ExecutionMode.ORT_SEQUENTIAL;
        session.AppendExecutionProvider_DML(int.Parse(options.GetValueOrDefault(DeviceId, "0"), CultureInfo.InvariantCulture));
    }

    private static void Update(ExecutionProvider kind, Dictionary<string, string> options, Action<Dictionary<string, string>> update)
    {
        try
        {
            update(options);
        }
        catch (OnnxRuntimeException error)
        {
            throw new ProviderException(
                $"The provider '{kind.Name()}' does not take these options: " +
                $"{string.Join(", ", options.Select(static option => $"{option.Key}={option.Value}"))}. (ONNX Runtime: " +
                $"{Sentence.Of(error)})", error);
        }
    }
}
