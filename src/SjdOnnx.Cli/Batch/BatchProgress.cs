using System.Diagnostics;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;
using static System.FormattableString;

namespace SjdOnnx.Cli.Batch;

/// <summary>How far a batch is, with images per hour and the time left. Several threads may report.</summary>
/// <param name="total">Images of the batch.</param>
/// <param name="finished">Images that were there before.</param>
/// <param name="tokens">Image tokens of the images that are still to be drawn, by whatever model.</param>
internal sealed class BatchProgress(int total, int finished, long tokens)
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly int _toDraw = total - finished;
    private long _settled;
    private int _drawn;

    /// <summary>Images that were drawn by this run.</summary>
    public int Drawn => _drawn;

    /// <summary>Where progress is shown; null for nowhere.</summary>
    public IProgress<WorkProgress>? Display { get; set; }

    /// <summary>What one image's drawing reports to.</summary>
    public IProgress<GenerationProgress> OfImage()
    {
        int before = 0;
        return new DirectProgress<GenerationProgress>(step =>
        {
            Interlocked.Add(ref _settled, step.Tokens - before);
            before = step.Tokens;
            Show();
        });
    }

    /// <summary>Counts an image whose file is stored.</summary>
    public void Finish()
    {
        Interlocked.Increment(ref _drawn);
        Show();
    }

    /// <summary>How far the batch is, in words: "120/300 images, 412 per hour, 0:26:13 left".</summary>
    public string Text()
    {
        TimeSpan elapsed = Stopwatch.GetElapsedTime(_start);
        string images = Invariant($"{finished + _drawn}/{total} images");
        long settled = Interlocked.Read(ref _settled);
        if (settled == 0 || tokens == 0)
            return images;

        double share = Math.Min(1, (double)settled / tokens);
        double perHour = _toDraw * share / elapsed.TotalHours;
        return Invariant($"{images}, {perHour:F0} per hour, {WorkProgress.Duration(elapsed * ((1 - share) / share))} left");
    }

    private void Show() => Display?.Report(new WorkProgress(
        total == 0 ? 1 : (finished + (_toDraw * Math.Min(1, (double)Interlocked.Read(ref _settled) / Math.Max(1, tokens)))) / total, Text));
}
