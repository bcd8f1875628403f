using System.Diagnostics;
using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Engine;

namespace SjdOnnx.Runtime.Scheduling;

/// <summary>The images under way, which share the next forward pass.</summary>
internal sealed class ImageBatch(LoadedModel model)
{
    private readonly List<ImageJob> _jobs = []; // by place
    private readonly List<Sequence> _sequences = []; // those of the jobs

    /// <summary>Images under way.</summary>
    public int Count => _jobs.Count;

    /// <summary>A copy of the list, in the order of places.</summary>
    public ImageJob[] Jobs => [.. _jobs];

    /// <summary>Whether an image that must run alone is under way.</summary>
    public bool IsExclusive => _jobs.Exists(static job => job.IsExclusive);

    /// <summary>Whether nobody waits for any of the images.</summary>
    public bool IsAbandoned => _jobs.TrueForAll(static job => job.Cancellation.IsCancellationRequested);

    /// <summary>The first place without an image.</summary>
    public int FreePlace
    {
        get
        {
            int place = 0;
            while (place < _jobs.Count && _jobs[place].Generation!.Place == place)
                place++;
            return place;
        }
    }

    /// <summary>Adds an image that was begun at <see cref="FreePlace"/>.</summary>
    public void Add(ImageJob job)
    {
        _jobs.Insert(FreePlace, job);
        _sequences.Clear();
        _sequences.AddRange(_jobs.Select(static image => image.Generation!.Sequence));
    }

    /// <summary>Removes an image, if it is under way.</summary>
    public void Remove(ImageJob? job)
    {
        int index = job is null ? -1 : _jobs.IndexOf(job);
        if (index < 0)
            return;
        _jobs.RemoveAt(index);
        _sequences.RemoveAt(index);
    }

    /// <summary>Runs one forward pass. Each image is charged an equal share of its time.</summary>
    /// <param name="failed">Called for each image that cannot go on, after the pass; the others can.</param>
    /// <exception cref="InferenceException">A graph failed.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public void Advance(Action<ImageJob, Exception> failed, CancellationToken cancellation)
    {
        int images = Count; // those that fail leave
        long start = Stopwatch.GetTimestamp();
        TimeSpan before = model.Transformer.TimeInRun;
        model.Advance(_sequences, (sequence, error) => failed(_jobs[_sequences.IndexOf(sequence)], error), cancellation);
        TimeSpan run = (model.Transformer.TimeInRun - before) / images;
        TimeSpan pass = Stopwatch.GetElapsedTime(start) / images;
        foreach (ImageJob job in _jobs)
            job.Generation!.Spend(pass, run);
    }
}
