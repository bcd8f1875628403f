using System.Diagnostics;
using SjdOnnx.Runtime;
using SjdOnnx.Server.Drawing;

namespace SjdOnnx.Server.WebUI;

/// <summary>
/// The state that a web UI has once for all of its users: the chosen model, and the request that was begun last, whose progress and preview
/// everyone may ask for.
/// </summary>
internal sealed class CurrentJob
{
    private readonly Lock _lock = new();
    private Job? _job;

    /// <summary>The model that a client chose for all later requests; null for the default.</summary>
    public string? Model { get; set; }

    /// <summary>Begins a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="interrupt">Ends it.</param>
    public Job Begin(DrawingRequest request, Action interrupt)
    {
        var job = new Job(request, interrupt);
        lock (_lock)
            _job = job;
        return job;
    }

    /// <summary>The request is over.</summary>
    public void End(Job job)
    {
        lock (_lock)
            _job = _job == job ? null : _job;
    }

    /// <summary>The request that was begun last; null if it is over.</summary>
    public Job? Last
    {
        get
        {
            lock (_lock)
                return _job;
        }
    }

    /// <summary>A request under way.</summary>
    internal sealed class Job(DrawingRequest request, Action interrupt)
    {
        private readonly Lock _lock = new();
        private readonly long _began = Stopwatch.GetTimestamp();
        private readonly double[] _done = new double[request.Count]; // parts of each image, from 0 to 1
        private RgbImage? _preview;
        private int _passes;

        public int Images => request.Count;

        /// <summary>Images that are finished.</summary>
        public int Finished => _done.Count(static part => part == 1);

        /// <summary>The part that is done, from 0 to 1.</summary>
        public double Done => _done.Average();

        /// <summary>Forward passes of the image that has had most.</summary>
        public int Passes => _passes;

        public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_began);

        /// <summary>The newest preview; null before the first.</summary>
        public RgbImage? Preview
        {
            get
            {
                lock (_lock)
                    return _preview;
            }
        }

        public void Interrupt() => interrupt();

        public void Note(DrawingEvent happened)
        {
            lock (_lock)
            {
                switch (happened.Event)
                {
                    case GenerationProgress step:
                        _done[happened.Index] = Math.Min(0.99, (double)step.Tokens / step.TotalTokens);
                        _passes = Math.Max(_passes, step.ForwardPasses);
                        break;
                    case GenerationPreview { Image: RgbImage image }:
                        _preview = image;
                        break;
                    case GenerationCompleted { Image: GeneratedImage image }:
                        (_done[happened.Index], _preview) = (1, image.Pixels);
                        break;
                }
            }
        }
    }
}
