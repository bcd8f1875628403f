using System.CommandLine;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Fleet;
using static SjdOnnx.Cli.Terminal.CheckedOption;

namespace SjdOnnx.Cli.Fleet;

/// <summary>The options about the queue and the job.</summary>
internal sealed class QueueArguments
{
    /// <summary>What the help pages of the fleet's commands say about the queue.</summary>
    public const string Notes = """
        Queue:
          RabbitMQ 3.10 or later. The URL's user and password can come from the environment instead: SJD_QUEUE_USER and
          SJD_QUEUE_PASSWORD, and the URL itself from SJD_QUEUE. amqps:// is TLS; SJD_QUEUE_CA names a file with the
          certificate of an authority that the system does not know.
        """;

    private readonly Option<string?> _queue = Text("--queue", "URL",
        $"The queue, such as amqp://host:5672/vhost, or amqps://host for TLS (default: {FleetVariable})");

    private readonly Option<string?> _job = Of("--job", "NAME",
        "The job's name, which is also the name of its folder: letters, digits, - _ and . (required)",
        (string text, out string? value) =>
        {
            value = text;
            return FleetNames.IsJob(text)
                ? null
                : $" is '{text}'; it must be 1 to 100 letters, digits, - _ and ., and not begin with a period.";
        });

    private const string FleetVariable = "the environment variable SJD_QUEUE";

    public QueueArguments() => _job.Required = true;

    public Option Queue => _queue;

    public Option Job => _job;

    /// <exception cref="CommandException">The URL or the certificate authority cannot be used.</exception>
    public FleetAddress AddressOf(ParseResult parsed)
    {
        try
        {
            return FleetAddress.Parse(parsed.GetValue(_queue), Environment.GetEnvironmentVariable);
        }
        catch (FleetException error)
        {
            throw new CommandException(ExitCode.Usage, error.Message, error);
        }
    }

    public string JobOf(ParseResult parsed) => parsed.GetValue(_job)!;
}
