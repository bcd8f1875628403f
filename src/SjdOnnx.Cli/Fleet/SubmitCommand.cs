using System.Security.Cryptography;
using System.Text;
using SjdOnnx.Cli.Batch;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Fleet;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Fleet;

/// <summary><c>sjd submit</c>: puts the images of a file on a queue, from which workers take them.</summary>
internal sealed class SubmitCommand : SjdCommand
{
    private readonly SourceArguments _source;
    private readonly QueueArguments _queue = new();
    private readonly ModelArguments _model = new();

    /// <param name="methods">The decoding methods to choose from.</param>
    public SubmitCommand(DecodingMethods methods)
        : base("submit", "Puts an image for each line of a file on a queue, from which the workers of a fleet take them.")
    {
        _source = new SourceArguments(methods, _model);
        Arguments.Add(_source.File);
        Add("Job", [_queue.Queue, _queue.Job, _source.Format, _source.From]);
        Add("Files", [.. _source.Naming, .. _source.Lines.File]);
        Add("Images, for lines that say nothing else", _source.Lines.Images);
        Add("Decoding, for lines that say nothing else", _source.Lines.Decoding);
        Add("Options of single decoding methods", _source.Lines.OfMethods);
        Add("Model", _model.Model, _source.Lines.Precision);
        SetAction((parsed, cancellation) => RunAsync(
            _source.Read(parsed), _queue.AddressOf(parsed), _queue.JobOf(parsed), cancellation));
    }

    public override string Notes => $"""
        Input:
          As for sjd batch. Every line is checked before anything is put on the queue. The model's folder must be here
          too; it is not loaded.

        Results:
          The workers store the images under the names that sjd batch gives them, with the same bytes, in a folder with
          the job's name. If the command is interrupted, or images failed, the same command submits the job again, and
          images that are there are not drawn again.

        {QueueArguments.Notes}

        Examples:
          sjd submit prompts.jsonl --queue amqp://queue.example --job night
        """;

    public override string ComplaintAbout(string word) => $"'{word}' is one file too many; submit reads one.";

    private static async Task<int> RunAsync(BatchSource source, FleetAddress address, string job, CancellationToken cancellation)
    {
        BatchPlan plan = source.Read(new TextToImageOptions());
        CheckedImage[] images = [.. plan.Images];
        if (images.FirstOrDefault(image => image.DependsOnMachine) is { } moving)
        {
            Print.Note($"{moving.Name}: with the method {moving.Image.Options.Method} and --window auto, each machine draws another " +
                "image; give --window a number for the image that every machine draws.");
        }

        string count = Printable.Count(images.Length, "image");
        await using FleetConnection connection = await FleetConnection.OpenAsync(address, $"sjd submit {job}", cancellation);
        string digest = DigestOf(images);
        IReadOnlyList<JobEvent> earlier = await JobLog.ReadAsync(connection, job, cancellation) ?? [];
        if (earlier.LastOrDefault(entry => entry.Kind == JobEventKind.Submitting) is { } other && other.Digest != digest)
        {
            throw new CommandException(ExitCode.Request,
                $"There is a job '{job}' with other images or options ({other.Images} images); give this one another name.");
        }

        JobLog log = await connection.LogOfAsync(job, cancellation);
        var submitting = new JobEvent(JobEventKind.Submitting, 0) { Images = images.Length, Digest = digest };
        await log.AddAsync(submitting, cancellation);
        foreach (ModelGroup group in plan.Groups)
        {
            string queue = QueueOf(group.Model);
            await connection.DeclareWorkAsync(queue, cancellation);
            IEnumerable<ReadOnlyMemory<byte>> messages = group.Images.OrderBy(image => image.Index)
                .Select(image => new ReadOnlyMemory<byte>(MessageOf(job, image).ToBytes()));
            await connection.PublishAsync(queue, messages, cancellation);
        }

        await log.AddAsync(submitting with { Kind = JobEventKind.Submitted }, cancellation);
        Print.Note(earlier.Count == 0
            ? $"{count} submitted; sjd status --job {job} says how far they are."
            : $"{count} submitted again; what is there is not drawn again.");
        // Images whose model no worker has wait without end.
        foreach (ModelGroup group in plan.Groups.Where(_ => plan.Groups.Count > 1))
        {
            Print.Note($"{Printable.Count(group.Images.Count, "image")} for workers with --model {group.Model.Name} " +
                $"--precision {group.Model.Precision.Name}.");
        }
        return ExitCode.Done;
    }

    /// <summary>The queue of a model's images, which only workers with the same model, precision and version read.</summary>
    public static string QueueOf(ModelDescription model) =>
        FleetNames.WorkOf(model.Name, model.Hash, model.Precision.Name, TextToImage.Version);

    private static ImageMessage MessageOf(string job, CheckedImage image) => new(
        job, image.Index, image.Image.Line, image.Name, image.Image.Request.Prompt, image.Image.Request.Seed, image.Image.Values)
    {
        Id = image.Image.Id,
    };

    /// <summary>A hash of all names and of all that decides the bytes.</summary>
    private static string DigestOf(CheckedImage[] images) => Convert.ToHexStringLower(SHA256.HashData(
        Encoding.UTF8.GetBytes(string.Concat(images.Select(image => $"{image.Name} {image.Key}\n")))));
}
