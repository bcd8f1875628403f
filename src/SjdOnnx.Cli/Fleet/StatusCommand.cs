using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Fleet;
using static System.FormattableString;

namespace SjdOnnx.Cli.Fleet;

/// <summary><c>sjd status</c>: how far a job of a fleet is.</summary>
internal sealed class StatusCommand : SjdCommand
{
    private const int MaxReasons = 10;

    private readonly QueueArguments _queue = new();

    private readonly Option<bool> _json = CheckedOption.Flag("--json", "Print one JSON object");

    public StatusCommand()
        : base("status", "Prints how far a job of a fleet is: images that are done, running, waiting and failed, speed and machines.")
    {
        Add("Options", _queue.Queue, _queue.Job, _json);
        SetAction((parsed, cancellation) =>
            RunAsync(_queue.AddressOf(parsed), _queue.JobOf(parsed), parsed.GetValue(_json), cancellation));
    }

    public override string Notes => $"""
        Results:
          Speed is that of the last ten minutes. Images of a worker that was killed count as running until another
          worker begins them. Workers from which nothing was heard for ten minutes are not counted.

        {QueueArguments.Notes}
        """;

    public override string ComplaintAbout(string word) => $"'{word}' is one word too many; name the job with --job.";

    private static async Task<int> RunAsync(FleetAddress address, string job, bool json, CancellationToken cancellation)
    {
        await using FleetConnection connection = await FleetConnection.OpenAsync(address, $"sjd status {job}", cancellation);
        IReadOnlyList<JobEvent> entries = await JobLog.ReadAsync(connection, job, cancellation)
            ?? throw new CommandException(ExitCode.Input, $"There is no job '{job}' on {address}; submit it with sjd submit.");
        var status = JobStatus.Of(entries, TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
        Print.Data(json ? StatusReport.Of(job, status).ToJson() : TextOf(job, status));
        return ExitCode.Done;
    }

    /// <summary>For people.</summary>
    public static string TextOf(string job, JobStatus status)
    {
        List<string> lines =
        [
            $"job: {job}",
            Invariant($"images: {status.Images}{(status.IsSubmitted ? "" : ", not all of them submitted")}"),
            Invariant($"done: {status.Done}"),
            Invariant($"running: {status.Running}"),
            Invariant($"waiting: {status.Waiting}"),
            Invariant($"failed: {status.Failed.Count}"),
        ];
        lines.AddRange(status.Failed.Take(MaxReasons).Select(failed => $"  {failed.File}: {failed.Reason}"));
        if (status.Failed.Count > MaxReasons)
            lines.Add(Invariant($"  and {status.Failed.Count - MaxReasons} more; the messages are in the queue {FleetNames.Failed}"));
        if (status.ImagesPerHour is double speed)
            lines.Add(Invariant($"images per hour: {speed:F0}"));
        if (status is { Left: TimeSpan left, Done: int done } && done < status.Images)
            lines.Add($"left: {WorkProgress.Duration(left)}");
        lines.AddRange(status.Machines.Select(machine =>
            Invariant($"machine {machine.Name}: {machine.Images} images, workers lately: {machine.Workers}")));
        return string.Join('\n', lines.Select(line => Printable.Text(line)));
    }
}

/// <summary>What status --json prints.</summary>
internal sealed record StatusReport(
    string Job, int Images, bool IsSubmitted, int Done, int Running, int Waiting, IReadOnlyList<FailedImage> Failed,
    double? ImagesPerHour, double? SecondsLeft, IReadOnlyList<MachineStatus> Machines)
{
    public static StatusReport Of(string job, JobStatus status) => new(
        job, status.Images, status.IsSubmitted, status.Done, status.Running, status.Waiting, status.Failed, status.ImagesPerHour,
        status.Left?.TotalSeconds, status.Machines);

    public string ToJson() => JsonSerializer.Serialize(this, StatusReportJson.Default.StatusReport);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(StatusReport))]
internal sealed partial class StatusReportJson : JsonSerializerContext;
