using System.Text;

namespace SjdOnnx.Fleet.Tests;

public sealed class JobStatusTests
{
    private const long Minute = 60_000;
    private const long Now = 1_000 * Minute;

    private readonly List<JobEvent> _entries = [new(JobEventKind.Submitting, Now - (100 * Minute)) { Images = 10 }];

    [Fact]
    public void An_image_counts_once_however_often_it_is_in_the_log()
    {
        Add(0, JobEventKind.Begun, JobEventKind.Finished, JobEventKind.Begun, JobEventKind.Finished, JobEventKind.Begun);
        Add(1, JobEventKind.Begun, JobEventKind.Begun);
        Add(2, JobEventKind.Begun, JobEventKind.Failed);
        Add(3, JobEventKind.Failed, JobEventKind.Finished);
        Add(4, JobEventKind.Failed, JobEventKind.Begun);

        var status = JobStatus.Of(_entries, Now);

        Assert.Equal((10, 2, 2, 5), (status.Images, status.Done, status.Running, status.Waiting));
        Assert.Equal([new FailedImage("2.png", "NaN")], status.Failed);
    }

    [Fact]
    public void A_job_is_submitted_when_the_log_says_so()
    {
        Assert.False(JobStatus.Of(_entries, Now).IsSubmitted);
        _entries.Add(new JobEvent(JobEventKind.Submitted, Now));
        Assert.True(JobStatus.Of(_entries, Now).IsSubmitted);
    }

    [Fact]
    public void Speed_is_that_of_the_last_ten_minutes()
    {
        for (int i = 0; i < 5; i++)
            _entries.Add(Entry(i, JobEventKind.Finished, Now - (90 * Minute)));
        Assert.Null(JobStatus.Of(_entries, Now).ImagesPerHour);
        Assert.Null(JobStatus.Of(_entries, Now).Left);

        foreach (int i in (int[])[5, 6, 7]) // three images that share passes
            _entries.Add(Entry(i, JobEventKind.Begun, Now - (6 * Minute)));
        Assert.Null(JobStatus.Of(_entries, Now).ImagesPerHour);
        foreach (int i in (int[])[5, 6, 7])
            _entries.Add(Entry(i, JobEventKind.Finished, Now - i));

        var status = JobStatus.Of(_entries, Now + 5);
        Assert.Equal(30, status.ImagesPerHour!.Value, 0.01); // three in six minutes
        Assert.Equal(4, status.Left!.Value.TotalMinutes, 0.01);
    }

    [Fact]
    public void Machines_have_the_workers_that_were_heard_of_lately_and_their_images()
    {
        _entries.Add(Entry(0, JobEventKind.Finished, Now - (60 * Minute), "b", "b-1"));
        _entries.Add(Entry(1, JobEventKind.Finished, Now, "a", "a-1"));
        _entries.Add(Entry(2, JobEventKind.Begun, Now, "a", "a-2"));
        _entries.Add(Entry(3, JobEventKind.Finished, Now, "a", "a-2"));

        Assert.Equal([new MachineStatus("a", 2, 2), new MachineStatus("b", 0, 1)], JobStatus.Of(_entries, Now).Machines);
    }

    [Fact]
    public void An_entry_is_read_as_it_was_written_and_others_are_left_out()
    {
        JobEvent entry = Entry(3, JobEventKind.Failed, Now);

        Assert.Equal(entry, JobEvent.FromBytes(entry.ToBytes()));
        Assert.Null(JobEvent.FromBytes("{\"kind\":\"Unheard\",\"time\":1}"u8));
        Assert.Null(JobEvent.FromBytes(Encoding.UTF8.GetBytes("noise")));
    }

    private void Add(int index, params JobEventKind[] kinds) => _entries.AddRange(kinds.Select(kind => Entry(index, kind, Now)));

    private static JobEvent Entry(int index, JobEventKind kind, long time, string machine = "m", string worker = "m-1") =>
        new(kind, time) { Index = index, File = $"{index}.png", Machine = machine, Worker = worker, Reason = "NaN" };
}
