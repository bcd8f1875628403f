using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Runtime.Model;

namespace SjdOnnx.Runtime.Native;

/// <summary>One graph, opened. Runs end early when cancelled: ONNX Runtime looks before each node. Not for two threads at once.</summary>
internal sealed class Session : IDisposable
{
    private readonly RunOptions _run = new();

    private Session(InferenceSession inference, string file) => (Inference, File) = (inference, file);

    public InferenceSession Inference { get; }

    /// <summary>Name of the graph's file.</summary>
    public string File { get; }

    /// <summary>Time spent inside Run since the session was opened.</summary>
    public TimeSpan TimeInRun { get; private set; }

    /// <param name="graph">Path of the ONNX file.</param>
    /// <param name="threads">0 leaves the number to ONNX Runtime.</param>
    /// <exception cref="ModelException">ONNX Runtime cannot read the graph.</exception>
    /// <exception cref="ProviderException">The provider or a native library is missing.</exception>
    public static Session Open(string graph, Provider provider, int threads)
    {
        using SessionOptions options = Options(threads);
        provider.AppendTo(options);
        string file = Path.GetFileName(graph);
        try
        {
            return new Session(new InferenceSession(graph, options), file);
        }
        catch (OnnxRuntimeException error)
        {
            throw new ModelException($"ONNX Runtime cannot load {file}: {Sentence.Of(error)} {ModelFolder.Remedy}", error);
        }
    }

    /// <exception cref="OperationCanceledException">Cancellation was requested, before or during the Run.</exception>
    public void Run(OrtIoBinding binding, CancellationToken cancellation)
    {
        using CancellationTokenRegistration registration = Begin(cancellation);
        long start = Stopwatch.GetTimestamp();
        try
        {
            Inference.RunWithBinding(_run, binding);
        }
        catch (OnnxRuntimeException error) when (cancellation.IsCancellationRequested)
        {
            throw Cancelled(error, cancellation);
        }
        finally
        {
            TimeInRun += Stopwatch.GetElapsedTime(start);
        }
    }

    /// <summary>Runs a graph of one input.</summary>
    /// <exception cref="OperationCanceledException">Cancellation was requested, before or during the Run.</exception>
    public IDisposableReadOnlyCollection<OrtValue> Run(
        string input, OrtValue value, IReadOnlyCollection<string> outputs, CancellationToken cancellation)
    {
        using CancellationTokenRegistration registration = Begin(cancellation);
        try
        {
            return Inference.Run(_run, [input], [value], outputs);
        }
        catch (OnnxRuntimeException error) when (cancellation.IsCancellationRequested)
        {
            throw Cancelled(error, cancellation);
        }
    }

    public void Dispose()
    {
        Inference.Dispose();
        _run.Dispose();
    }

    /// <summary>Registering costs no memory: the token's source keeps the nodes. Disposing waits for a callback that is running.</summary>
    private CancellationTokenRegistration Begin(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        _run.Terminate = false;
        return cancellation.UnsafeRegister(static run => ((RunOptions)run!).Terminate = true, _run);
    }

    /// <summary>Told by our token, not by the text of the error.</summary>
    private static OperationCanceledException Cancelled(OnnxRuntimeException error, CancellationToken cancellation) =>
        new("The generation was cancelled in the middle of a forward pass.", error, cancellation);

    private static SessionOptions Options(int threads)
    {
        OnnxRuntimeLibrary.EnsureEnvironment();
        var options = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            // Errors arrive as exceptions; a library does not write to the console.
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
        };
        // Threads wait for work by spinning inside a Run and sleep after it. Measured on 2 cores, 213 passes: no spinning at all 0.80 s,
        // spinning on and on 0.73 s, this 0.50 to 0.75 s, with half the time outside Run because sampling and image decoder have the cores
        // for themselves.
        options.AddSessionConfigEntry("session.force_spinning_stop", "1");
        return options;
    }
}
