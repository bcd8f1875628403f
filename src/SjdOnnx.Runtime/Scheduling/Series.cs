using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace SjdOnnx.Runtime.Scheduling;

/// <summary>Draws the images of one call, several at once, and takes turns with other callers.</summary>
/// <param name="requests">Read one at a time.</param>
/// <param name="size">The most images of this call in a pass.</param>
/// <param name="prepare">Makes a job of a request.</param>
/// <param name="progress">Called on the drawing thread; null for nothing.</param>
internal sealed class Series(
    IEnumerable<GenerationRequest> requests, int size,
    Func<GenerationRequest, Action<GenerationEvent>, CancellationToken, ImageJob> prepare, Scheduler scheduler,
    IProgress<BatchProgress>? progress)
{
    // If this call may fill the passes alone, as many requests wait in the queue as are drawn, to take the places of finished images at
    // once.
    private readonly int _lookahead = size < scheduler.MaxBatch ? size : 2 * size;

    /// <summary>The images, in the order in which they are finished.</summary>
    public async IAsyncEnumerable<IndexedImage> DrawAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stopped = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using IEnumerator<GenerationRequest> reader = requests.GetEnumerator();
        var tally = new Tally(progress);
        var drawing = new List<(int Index, ImageJob Job)>();
        CancellationTokenRegistration registration = stopped.Token.UnsafeRegister(_ => CancelAll(), null);
        int read = 0;
        Exception? failure = null;
        bool more = true;
        try
        {
            while (true)
            {
                more = more && Read();
                if (drawing.Count == 0)
                    break;
                await Task.WhenAny(drawing.Select(static one => one.Job.Result)).ConfigureAwait(false);
                foreach ((int index, ImageJob job) in drawing.Where(static one => one.Job.Result.IsCompleted).ToArray())
                {
                    GeneratedImage image = await ResultOf(job).ConfigureAwait(false);
                    lock (drawing)
                        drawing.Remove((index, job));
                    yield return new IndexedImage(index, image);
                }
            }

            if (failure is not null)
                ExceptionDispatchInfo.Throw(failure);
        }
        finally
        {
            await stopped.CancelAsync().ConfigureAwait(false);
            foreach ((_, ImageJob job) in drawing)
                await ((Task)job.Result).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await registration.DisposeAsync().ConfigureAwait(false);
        }

        // Reads requests while there is room. Returns false if there are no more, or if one cannot be drawn.
        bool Read()
        {
            var jobs = new List<ImageJob>();
            bool goesOn = true;
            while (goesOn && drawing.Count < _lookahead)
            {
                try
                {
                    goesOn = reader.MoveNext();
                    if (goesOn)
                        jobs.Add(Prepare(read++));
                }
                catch (Exception error) // thrown when the images before are finished
                {
                    (failure, goesOn) = (error, false);
                }
            }

            scheduler.Enqueue(caller: this, jobs, isBounded: false);
            if (stopped.IsCancellationRequested)
                CancelAll();
            return goesOn;
        }

        ImageJob Prepare(int index)
        {
            GenerationRequest request = reader.Current
                ?? throw new ArgumentException($"Request {index} is null; every element must be a request.");
            ImageJob job = prepare(request, happened => tally.Report(index, happened), stopped.Token);
            lock (drawing)
                drawing.Add((index, job));
            return job;
        }

        void CancelAll()
        {
            (int, ImageJob Job)[] jobs;
            lock (drawing)
                jobs = [.. drawing];
            foreach ((_, ImageJob job) in jobs)
                scheduler.Cancel(job);
        }

        async Task<GeneratedImage> ResultOf(ImageJob job)
        {
            try
            {
                return await job.Result.ConfigureAwait(false);
            }
            catch (OperationCanceledException error) when (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(error.Message, error, cancellationToken);
            }
        }
    }

    /// <summary>Adds up the progress of the images. The drawing thread alone calls it.</summary>
    private sealed class Tally(IProgress<BatchProgress>? progress)
    {
        private readonly Dictionary<int, GenerationProgress> _underWay = []; // by index of the request
        private readonly long _start = Stopwatch.GetTimestamp();
        private int _finished;
        private int _tokens; // of finished images
        private int _passes;

        public void Report(int index, GenerationEvent happened)
        {
            if (progress is null || happened is not GenerationProgress step)
                return;
            _underWay[index] = step;
            if (step.Tokens == step.TotalTokens)
            {
                _underWay.Remove(index);
                _finished++;
                (_tokens, _passes) = (_tokens + step.Tokens, _passes + step.ForwardPasses);
            }

            progress.Report(new BatchProgress(
                _finished, _underWay.Count, _tokens + _underWay.Values.Sum(static image => image.Tokens), step.TotalTokens,
                _passes + _underWay.Values.Sum(static image => image.ForwardPasses), Stopwatch.GetElapsedTime(_start)));
        }
    }
}
