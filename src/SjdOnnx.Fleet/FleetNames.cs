using System.Text.RegularExpressions;

namespace SjdOnnx.Fleet;

/// <summary>The names of queues, jobs and headers.</summary>
public static partial class FleetNames
{
    /// <summary>The queue of messages that could not be drawn.</summary>
    public const string Failed = "sjd.failed";

    /// <summary>The header of a failed message that holds the reason.</summary>
    public const string ReasonHeader = "sjd-reason";

    /// <summary>The header of a failed message that names the worker.</summary>
    public const string WorkerHeader = "sjd-worker";

    /// <summary>
    /// The queue of a model's images. Workers with another model, precision or version read another queue, so they never draw an image in
    /// another way.
    /// </summary>
    /// <param name="model">The model's name.</param>
    /// <param name="hash">SHA-256 of its model.json in hexadecimal digits.</param>
    /// <param name="precision">As int8.</param>
    /// <param name="version">Of this program.</param>
    public static string WorkOf(string model, string hash, string precision, string version)
    {
        ArgumentNullException.ThrowIfNull(hash);
        return $"sjd.work.{model}.{precision}.{hash[..Math.Min(12, hash.Length)]}.{version}";
    }

    /// <summary>The log of a job.</summary>
    public static string LogOf(string job) => $"sjd.job.{job}";

    /// <summary>
    /// Whether a text can name a job, which is also the name of a folder: letters, digits, and <c>-</c>, <c>_</c> and <c>.</c>.
    /// </summary>
    public static bool IsJob(string text) => Job().IsMatch(text);

    [GeneratedRegex(@"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}\z")]
    private static partial Regex Job();
}
