using System.Text.Json;

namespace SjdOnnx.Fleet;

/// <summary>What an entry of a job's log says.</summary>
public enum JobEventKind
{
    /// <summary>The images are being put on the queue.</summary>
    Submitting,

    /// <summary>All images are on the queue.</summary>
    Submitted,

    /// <summary>A worker began an image.</summary>
    Begun,

    /// <summary>A worker stored an image.</summary>
    Finished,

    /// <summary>An image was given up.</summary>
    Failed,

    /// <summary>Someone read the log. Earlier entries have been read when this one comes.</summary>
    Read,
}

/// <summary>An entry of a job's log.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Time">When, in milliseconds since 1970 (UTC), by the clock of the machine that wrote it.</param>
public sealed record JobEvent(JobEventKind Kind, long Time)
{
    /// <summary>Of the image, from 0; null where the entry is about the job.</summary>
    public int? Index { get; init; }

    /// <summary>The image file's name.</summary>
    public string? File { get; init; }

    /// <summary>The machine of the worker.</summary>
    public string? Machine { get; init; }

    /// <summary>The worker: the machine and the process.</summary>
    public string? Worker { get; init; }

    /// <summary>Why the image was given up.</summary>
    public string? Reason { get; init; }

    /// <summary>Images of the job.</summary>
    public int? Images { get; init; }

    /// <summary>A hash of all that the job draws; of <see cref="JobEventKind.Read"/>, which reader wrote it.</summary>
    public string? Digest { get; init; }

    /// <summary>The entry's body.</summary>
    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, FleetJson.Default.JobEvent);

    /// <summary>Reads an entry's body.</summary>
    /// <returns>Null if it is none of this version.</returns>
    public static JobEvent? FromBytes(ReadOnlySpan<byte> body)
    {
        try
        {
            return JsonSerializer.Deserialize(body, FleetJson.Default.JobEvent);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
