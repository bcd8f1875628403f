using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Transformers;

/// <summary>
/// Passes whose kernels the device has captured and starts again all at once (CUDA graphs), because starting them one by one takes longer
/// than some of them run. A capture holds for one shape of pass, so passes are padded to a few sizes.
/// </summary>
/// <param name="session">A session that was opened for it.</param>
internal sealed class CapturedPasses(Session session) : IDisposable
{
    /// <summary>Each capture keeps memory of the device, and images that come and go form many shapes.</summary>
    private const int MaxCaptures = 64;

    /// <summary>
    /// The first passes of a shape are computed in both ways. The second of them has other lengths than the captured one.
    /// </summary>
    private const int ComparedPasses = 2;

    /// <summary>
    /// Tokens of a lane: 1, 2, and then the next token, a window of a power of two, and one token more: a structural one, or one that is
    /// read again.
    /// </summary>
    private static readonly int[] Sizes = [1, 2, 3, 4, 6, 10, 18, 34, 66, 130, 258];

    private readonly RunOptions _notCaptured = Options(id: -1);
    private readonly List<RunOptions> _captures = []; // ONNX Runtime tells captures apart by their id and never forgets one

    /// <summary>False after a captured pass has given other logits than the same pass without capture.</summary>
    public bool AreRight { get; private set; } = true;

    /// <summary>Captures so far.</summary>
    public int Count => _captures.Count;

    /// <summary>The smallest size that holds so many tokens, or rows of logits, of a lane. There is none beyond the largest.</summary>
    public static int SizeFor(int count)
    {
        foreach (int size in Sizes)
        {
            if (size >= count)
                return size;
        }

        return count;
    }

    /// <summary>Starts a new capture.</summary>
    /// <returns>Null if there are enough.</returns>
    public Capture? Add()
    {
        if (_captures.Count == MaxCaptures)
            return null;
        _captures.Add(Options(_captures.Count + 1));
        return new Capture(_captures[^1]);
    }

    /// <summary>
    /// Runs a pass, whose inputs have been sent. One thread runs all passes: captures belong to the thread that made them.
    /// </summary>
    /// <param name="capture">The capture of passes of this shape with these addresses; null for none.</param>
    public void Run(OrtIoBinding binding, PassBuffers buffers, Capture? capture, CancellationToken cancellation)
    {
        if (capture is { IsTrusted: true } && AreRight)
        {
            session.Run(binding, capture.Options, cancellation);
            return;
        }

        session.Run(binding, _notCaptured, cancellation);
        if (capture is { HasFailed: false } && AreRight)
            Compare(binding, buffers, capture, cancellation);
    }

    /// <summary>Computes again what was computed without capture, as a captured pass. It reads and writes the same.</summary>
    private void Compare(OrtIoBinding binding, PassBuffers buffers, Capture capture, CancellationToken cancellation)
    {
        buffers.Receive();
        byte[] expected = MemoryMarshal.AsBytes(buffers.Logits).ToArray();
        if (!DeviceCalls.TryCapture(RunCaptured))
            return; // the next pass of this shape tries again
        if (!capture.HasFailed)
        {
            buffers.Receive();
            capture.Compared++;
            if (MemoryMarshal.AsBytes(buffers.Logits).SequenceEqual(expected))
                return;
            AreRight = false;
        }

        session.Run(binding, _notCaptured, cancellation);

        void RunCaptured()
        {
            try
            {
                session.Run(binding, capture.Options, cancellation);
            }
            catch (InferenceException)
            {
                capture.HasFailed = true; // nothing was captured, and the device is as before
            }
        }
    }

    public void Dispose()
    {
        _notCaptured.Dispose();
        foreach (RunOptions options in _captures)
            options.Dispose();
    }

    private static RunOptions Options(int id)
    {
        var options = new RunOptions();
        options.AddRunConfigEntry("gpu_graph_id", id.ToString(CultureInfo.InvariantCulture));
        return options;
    }

    /// <summary>The capture of passes of one shape.</summary>
    internal sealed class Capture(RunOptions options)
    {
        public RunOptions Options => options;

        /// <summary>Passes that were computed in both ways, with equal logits.</summary>
        public int Compared { get; set; }

        /// <summary>Whether the device could not capture the pass.</summary>
        public bool HasFailed { get; set; }

        /// <summary>Whether passes need not be compared any more.</summary>
        public bool IsTrusted => Compared == ComparedPasses;
    }
}
