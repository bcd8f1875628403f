using System.Diagnostics;
using SjdOnnx.Runtime;
using SjdOnnx.Server.Drawing;

namespace SjdOnnx.Server.WebUI;

/// <summary>
/// The state that a web UI has once for all of its users: the chosen model, and the request that is under way for longest, whose progress
/// and preview everyone may ask for.
/// </summary>
internal sealed class CurrentJob
{
    private readonly Lock _lock = new();
    private readonly List<Job> _jobs = []; // in the order of their beginning

    /// <summary>The model that a client chose for all later requests; null for the default.</summary>
    public string? Model { get; set; }

    /// <summary>Begins a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="interrupt">Ends it.</param>
    public Job Begin(DrawingRequest request, Action interrupt)
    {
        var job = new Job(request, interrupt);
        lock (_lock)
            _jobs.Add(job);
        return job;
    }

    /// <summary>The request is over.</summary>
    public void End(Job job)
    {
        lock (_lock)
            _jobs.Remove(job);
    }

    /// <summary>
    /// The request that is under way for longest, so that others that come, end or are refused meanwhile do not hide it; null for none.
    /// </summary>
    public Job? First
    {
        get
        {
            lock (_lock)
                return _jobs.FirstOrDefault();
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
