using System.CommandLine;
using SjdOnnx.Cli.Batch;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Fleet;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;
using static SjdOnnx.Cli.Terminal.CheckedOption;

namespace SjdOnnx.Cli.Fleet;

/// <summary>What the user asked worker for.</summary>
internal sealed record WorkerOptions
{
    public required FleetAddress Address { get; init; }

    /// <summary>The folder with a folder for each job.</summary>
    public required string Output { get; init; }

    /// <summary>A path or a name; null for the built-in model.</summary>
    public string? Model { get; init; }

    public required TextToImageOptions Loading { get; init; }

    /// <summary>Images that share a forward pass; null for as many as the model can.</summary>
    public int? Batch { get; init; }

    /// <summary>Failures after which an image is given up.</summary>
    public int MaxFailures { get; init; }

    /// <summary>Whether to end when the queue is empty.</summary>
    public bool Drain { get; init; }
}

/// <summary><c>sjd worker</c>: draws the images that others put on a queue.</summary>
internal sealed class WorkerCommand : SjdCommand
{
    private const int UsualFailures = 3;

    private readonly QueueArguments _queue = new();
    private readonly ModelArguments _model = new();
    private readonly LineArguments _lines;

    private readonly Option<string?> _output = Text("--output", "DIR",
        "The folder for all jobs, usually a share; the images of a job are in a folder with its name (required)", "-o");

    private readonly Option<int?> _batch = ImagesInPass($"{ModelArguments.UsualBatch}, or less if the model is smaller");

    private readonly Option<int?> _failures = Number<int>("--max-failures", "N",
        "Failures after which an image is given up, among them those that ended the worker",
        "a whole number from 1 to 100", $"{UsualFailures}", static n => n is >= 1 and <= 100);

    private readonly Option<bool> _drain = Flag("--drain", "End when the queue is empty, instead of waiting for more");

    private readonly Option<Precision?> _precision = Precision("--precision");

    /// <param name="methods">The decoding methods to choose from.</param>
    public WorkerCommand(DecodingMethods methods)
        : base("worker", "Draws the images that sjd submit put on a queue, until it is stopped. Start as many as there are machines.")
    {
        _lines = new LineArguments(methods, _model);
        _output.Required = true;
        Add("Queue", _queue.Queue, _drain, _failures);
        Add("Files", _output);
        Add("Model", [_model.Model, _precision, _batch, .. _model.Runtime]);
        SetAction((parsed, cancellation) => WorkerRun.RunAsync(Read(parsed), _lines, cancellation));
    }

    public override string Notes => $"""
        Results:
          The names of the image files go to standard output, one a line, as they are finished. A message is taken off
          the queue when the disk has stored its image, so a worker can be killed at any moment: others draw its images.
          A worker draws the images of jobs with its own model, precision and version.

          An image that cannot be drawn is given up after --max-failures, and its message goes to the queue sjd.failed
          with the reason. A message that cannot be read goes there at once.

        {QueueArguments.Notes}

        Examples:
          sjd worker --queue amqp://queue.example --model emoji -o /srv/images
        """;

    public override string ComplaintAbout(string word) => $"'{word}' is one word too many; worker has options only.";

    private WorkerOptions Read(ParseResult parsed) => new()
    {
        Address = _queue.AddressOf(parsed),
        Output = parsed.GetValue(_output)!,
        Model = _model.ModelOf(parsed),
        Loading = _model.LoadingOf(parsed) with { Precision = parsed.GetValue(_precision) },
        Batch = parsed.GetValue(_batch),
        MaxFailures = parsed.GetValue(_failures) ?? UsualFailures,
        Drain = parsed.GetValue(_drain),
    };
}
