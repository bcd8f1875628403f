namespace SjdOnnx.Fleet;

/// <summary>A machine of a fleet.</summary>
/// <param name="Name">The machine's name.</param>
/// <param name="Workers">Workers from which something was heard lately.</param>
/// <param name="Images">Images that it finished.</param>
public sealed record MachineStatus(string Name, int Workers, int Images);

/// <summary>An image that was given up.</summary>
/// <param name="File">The image file's name.</param>
/// <param name="Reason">The last reason.</param>
public sealed record FailedImage(string File, string Reason);

/// <summary>How far a job is.</summary>
/// <param name="Images">Images of the job.</param>
/// <param name="IsSubmitted">Whether all of them are on the queue.</param>
/// <param name="Done">Images whose file is stored.</param>
/// <param name="Running">Images that were begun and have not ended, also those of workers that were killed meanwhile.</param>
/// <param name="Failed">Images that were given up.</param>
/// <param name="ImagesPerHour">Of the last minutes; null if no image was finished in them.</param>
/// <param name="Machines">By name.</param>
public sealed record JobStatus(
    int Images, bool IsSubmitted, int Done, int Running, IReadOnlyList<FailedImage> Failed, double? ImagesPerHour,
    IReadOnlyList<MachineStatus> Machines)
{
    /// <summary>The time over which images are counted, and after which a silent worker counts as gone.</summary>
    public static readonly TimeSpan Recently = TimeSpan.FromMinutes(10);

    /// <summary>Images that wait for a worker.</summary>
    public int Waiting => Math.Max(0, Images - Done - Running - Failed.Count);

    /// <summary>How long the rest takes at the present speed; null if that is not known.</summary>
    public TimeSpan? Left => ImagesPerHour is > 0 and double speed ? TimeSpan.FromHours((Waiting + Running) / speed) : null;

    /// <param name="entries">Of the job's log. An image may be in it several times.</param>
    /// <param name="now">In milliseconds since 1970 (UTC).</param>
    public static JobStatus Of(IReadOnlyList<JobEvent> entries, long now)
    {
        ArgumentNullException.ThrowIfNull(entries);
        var last = new Dictionary<int, JobEvent>(); // of each image; what is finished stays so
        foreach (JobEvent entry in entries)
        {
            if (entry.Index is int index && !(last.TryGetValue(index, out JobEvent? known) && known.Kind == JobEventKind.Finished))
                last[index] = entry;
        }

        JobEvent[] done = [.. last.Values.Where(entry => entry.Kind == JobEventKind.Finished)];
        return new JobStatus(
            entries.LastOrDefault(entry => entry.Kind == JobEventKind.Submitting)?.Images ?? 0,
            entries.Any(entry => entry.Kind == JobEventKind.Submitted),
            done.Length,
            last.Values.Count(entry => entry.Kind == JobEventKind.Begun),
            [.. last.Values.Where(entry => entry.Kind == JobEventKind.Failed).OrderBy(entry => entry.Index)
                .Select(entry => new FailedImage(entry.File ?? "", entry.Reason ?? ""))],
            SpeedOf(entries, done, now),
            [.. entries.Where(entry => entry.Machine is not null).GroupBy(entry => entry.Machine!).OrderBy(machine => machine.Key)
                .Select(machine => new MachineStatus(
                    machine.Key,
                    machine.Where(entry => now - entry.Time < Recently.TotalMilliseconds).Select(entry => entry.Worker).Distinct().Count(),
                    done.Count(entry => entry.Machine == machine.Key)))]);
    }

    /// <summary>
    /// Images per hour in the last minutes, from when the first image was begun: those that share passes are finished at almost one time,
    /// which says nothing about the speed.
    /// </summary>
    private static double? SpeedOf(IReadOnlyList<JobEvent> entries, JobEvent[] done, long now)
    {
        JobEvent[] recent = [.. done.Where(entry => now - entry.Time < Recently.TotalMilliseconds)];
        if (recent.Length == 0)
            return null;
        long start = entries.Where(entry => entry.Index is not null && now - entry.Time < Recently.TotalMilliseconds)
            .Min(static entry => entry.Time);
        double hours = TimeSpan.FromMilliseconds(recent.Max(static entry => entry.Time) - start).TotalHours;
        return hours > 0 ? recent.Length / hours : null;
    }
}
