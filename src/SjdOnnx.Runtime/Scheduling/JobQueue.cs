namespace SjdOnnx.Runtime.Scheduling;

/// <summary>The jobs that wait, within a limit. Not safe for several threads at once.</summary>
/// <param name="maxLength">The most jobs that wait. Those of a series do not count, because it limits itself.</param>
internal sealed class JobQueue(int maxLength)
{
    private readonly FairQueue<Job> _jobs = new();
    private int _counted; // jobs that the limit counts

    /// <summary>Jobs that wait.</summary>
    public int Count => _jobs.Count;

    /// <summary>The job whose turn it is; null if none waits.</summary>
    public Job? Peek() => _jobs.Peek();

    /// <summary>Adds a job behind those of the same caller.</summary>
    /// <returns>Null, or why the job may not wait.</returns>
    public QueueFullException? Enqueue(object caller, Job job, bool isBounded)
    {
        if (isBounded && _counted >= maxLength)
            return new($"{_counted} requests wait already, and MaxQueueLength is {maxLength}. Try again later, or raise it.");
        job.IsBounded = isBounded;
        _counted += isBounded ? 1 : 0;
        _jobs.Enqueue(caller, job);
        Telemetry.Wait(1);
        return null;
    }

    /// <summary>Removes the job whose turn it is.</summary>
    public Job Dequeue()
    {
        Job job = _jobs.Dequeue();
        Left(job);
        return job;
    }

    /// <summary>Removes all jobs.</summary>
    public List<Job> Clear()
    {
        var all = new List<Job>();
        while (Count > 0)
            all.Add(Dequeue());
        return all;
    }

    /// <summary>Removes a job wherever it waits.</summary>
    /// <returns>Whether it waited.</returns>
    public bool Remove(Job job)
    {
        bool waited = _jobs.Remove(job);
        if (waited)
            Left(job);
        return waited;
    }

    private void Left(Job job)
    {
        _counted -= job.IsBounded ? 1 : 0;
        Telemetry.Wait(-1);
    }
}
