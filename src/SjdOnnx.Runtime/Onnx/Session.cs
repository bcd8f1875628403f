using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Runtime.Onnx;

/// <summary>An open graph. Cancellation ends a run early, because ONNX Runtime checks for it before each node. Not thread-safe.</summary>
internal sealed class Session : IDisposable
{
    private readonly RunOptions _run = new();

    private readonly bool _isOnDevice;

    private Session(InferenceSession inference, string file, bool isOnDevice) =>
        (Inference, File, _isOnDevice) = (inference, file, isOnDevice);

    public InferenceSession Inference { get; }

    /// <summary>The name of the graph's file.</summary>
    public string File { get; }

    /// <summary>Time spent in runs since the session was opened.</summary>
    public TimeSpan TimeInRun { get; private set; }

    /// <param name="graph">Path of the ONNX file.</param>
    /// <param name="threads">0 leaves the number to ONNX Runtime.</param>
    /// <param name="configure">Changes the options after this library has set its own; null for no change.</param>
    /// <param name="ifNodesFallBack">
    /// What to do if the provider cannot run every node, as a sentence; null if nodes may run on the CPU.
    /// </param>
    /// <param name="stream">Where the provider computes; null for a stream of its own.</param>
    /// <param name="weights">Weights that other sessions read too; null if this one reads its own.</param>
    /// <exception cref="ModelException">ONNX Runtime cannot read the graph.</exception>
    /// <exception cref="ProviderException">
    /// The provider or a native library is missing, or the provider cannot run every node of a graph that must stay on it.
    /// </exception>
    public static Session Open(
        string graph, Provider provider, int threads, Action<SessionOptions>? configure = null, string? ifNodesFallBack = null,
        IDeviceStream? stream = null, SharedWeights? weights = null)
    {
        using SessionOptions options = Options(threads);
        provider.AppendTo(options, mustStay: ifNodesFallBack is not null, stream);
        configure?.Invoke(options);
        string file = Path.GetFileName(graph);
        try
        {
            using DeviceCalls.Held held = DeviceCalls.Begin(!provider.IsCpu);
            if (weights is null)
                return new Session(new InferenceSession(graph, options), file, !provider.IsCpu);
            weights.AddTo(options, graph);
            return new Session(new InferenceSession(graph, options, weights.Packed), file, !provider.IsCpu);
        }
        catch (Exception error) when (error is IOException or InvalidDataException or Google.Protobuf.InvalidProtocolBufferException)
        {
            throw new ModelException($"{file} cannot be read: {Sentence.Of(error)} {ModelException.Remedy}", error);
        }
        catch (OnnxRuntimeException error) when (
            ifNodesFallBack is not null && error.Message.Contains("fallback to CPU EP", StringComparison.Ordinal))
        {
            throw new ProviderException(
                $"The provider '{provider.Name}' cannot run every node of {file}. The others would run on the CPU, with a cache that is " +
                $"not brought up to date. {ifNodesFallBack}", error);
        }
        catch (OnnxRuntimeException error) when (error.Message.Contains("CUDA failure", StringComparison.Ordinal))
        {
            throw new ProviderException(
                $"The GPU failed while {file} was opened: {Sentence.Of(error)} Check device_id, the driver (nvidia-smi) and the free " +
                "memory.", error);
        }
        catch (OnnxRuntimeException error)
        {
            throw new ModelException($"ONNX Runtime cannot load {file}: {Sentence.Of(error)} {ModelException.Remedy}", error);
        }
    }

    /// <summary>Opens a small graph in memory, every node of which must run on the provider.</summary>
    /// <exception cref="ProviderException">The provider or a native library is missing, or the provider cannot run the graph.</exception>
    public static Session Open(byte[] graph, Provider provider)
    {
        using SessionOptions options = Options(threads: 1);
        provider.AppendTo(options, mustStay: true);
        try
        {
            using DeviceCalls.Held held = DeviceCalls.Begin(!provider.IsCpu);
            return new Session(new InferenceSession(graph, options), "the graph", !provider.IsCpu);
        }
        catch (OnnxRuntimeException error)
        {
            throw new ProviderException($"The provider '{provider.Name}' cannot open a graph of one node: {Sentence.Of(error)}", error);
        }
    }

    /// <summary>Runs the graph with bound inputs and outputs.</summary>
    /// <exception cref="InferenceException">The run failed.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested, before or during the run.</exception>
    public void Run(OrtIoBinding binding, CancellationToken cancellation) => Run(binding, _run, cancellation);

    /// <inheritdoc cref="Run(OrtIoBinding, CancellationToken)"/>
    /// <param name="options">In place of the session's own.</param>
    public void Run(OrtIoBinding binding, RunOptions options, CancellationToken cancellation)
    {
        using CancellationTokenRegistration registration = Begin(options, cancellation);
        long start = Stopwatch.GetTimestamp();
        try
        {
            using DeviceCalls.Held held = DeviceCalls.Begin(_isOnDevice);
            Inference.RunWithBinding(options, binding);
        }
        catch (OnnxRuntimeException error)
        {
            throw Failed(error, cancellation);
        }
        finally
        {
            TimeInRun += Stopwatch.GetElapsedTime(start);
        }
    }

    /// <summary>Runs a graph with one input.</summary>
    /// <exception cref="InferenceException">The run failed.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested, before or during the run.</exception>
    public IDisposableReadOnlyCollection<OrtValue> Run(
        string input, OrtValue value, IReadOnlyCollection<string> outputs, CancellationToken cancellation)
    {
        using CancellationTokenRegistration registration = Begin(_run, cancellation);
        try
        {
            using DeviceCalls.Held held = DeviceCalls.Begin(_isOnDevice);
            return Inference.Run(_run, [input], [value], outputs);
        }
        catch (OnnxRuntimeException error)
        {
            throw Failed(error, cancellation);
        }
    }

    public void Dispose()
    {
        Inference.Dispose();
        _run.Dispose();
    }

    /// <summary>Registering allocates nothing: the token's source reuses its nodes. Disposing waits for a running callback.</summary>
    private static CancellationTokenRegistration Begin(RunOptions options, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        options.Terminate = false;
        return cancellation.UnsafeRegister(static run => ((RunOptions)run!).Terminate = true, options);
    }

    /// <summary>
    /// Our own token tells whether this is cancellation, because another version of ONNX Runtime may word the error differently.
    /// </summary>
    private Exception Failed(OnnxRuntimeException error, CancellationToken cancellation) => cancellation.IsCancellationRequested
        ? new OperationCanceledException("The generation was cancelled in the middle of a forward pass.", error, cancellation)
        : new InferenceException(
            $"{File} failed: {Sentence.Of(error)} If memory is short, draw fewer images at once, or choose a smaller window or precision.",
            error);

    private static SessionOptions Options(int threads)
    {
        OnnxRuntimeLibrary.EnsureEnvironment();
        var options = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            // Errors are thrown as exceptions, and a library should not write to the console.
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
        };
        // Threads spin while they wait inside a run and sleep after it, so that sampling and the image decoder have the cores to
        // themselves. On 2 cores, 213 passes took 0.50 to 0.75 s in this way, 0.80 s without spinning, and 0.73 s with spinning between
        // runs too.
        options.AddSessionConfigEntry("session.force_spinning_stop", "1");
        return options;
    }
}
