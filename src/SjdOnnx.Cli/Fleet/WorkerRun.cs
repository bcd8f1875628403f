using System.Collections.Concurrent;
using System.Text.Json;
using SjdOnnx.Cli.Batch;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Fleet;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Fleet;

/// <summary>What <c>sjd worker</c> does: take messages, draw, store, and settle the message.</summary>
internal sealed class WorkerRun : IDisposable
{
    // Images that are encoded and stored while others take their places in the passes.
    private const int ExtraMessages = 2;

    // The broker counts innocent messages too: those that a killed worker held. From here on, the message is looked at closely.
    private const int SuspiciousDeliveries = 3;

    private readonly WorkerOptions _options;
    private readonly LineArguments _lines;
    private readonly RequestChecker _checker;
    private readonly TextToImage _textToImage;
    private readonly string _worker;
    private readonly int _places;
    private readonly SemaphoreSlim _free;
    private readonly SemaphoreSlim _alone = new(1);
    private readonly JobFolders _folders;
    private readonly ConcurrentDictionary<string, Task> _underWay = []; // by job and file

    private WorkerRun(WorkerOptions options, LineArguments lines, RequestChecker checker, TextToImage textToImage, int batch)
    {
        (_options, _lines, _checker, _textToImage) = (options, lines, checker, textToImage);
        // Containers with the same name of a machine and the same number of a process may share the folder.
        _worker = FormattableString.Invariant($"{Environment.MachineName}-{Environment.ProcessId}-{Guid.NewGuid().ToString("N")[..6]}");
        _places = batch + ExtraMessages;
        _free = new SemaphoreSlim(_places);
        _folders = new JobFolders(options.Output, _worker);
    }

    /// <returns>The exit code.</returns>
    /// <exception cref="CommandException">There is no such model, or a file cannot be written.</exception>
    /// <exception cref="FleetException">The broker refuses access.</exception>
    public static async Task<int> RunAsync(WorkerOptions options, LineArguments lines, CancellationToken cancellation)
    {
        string folder = ModelLocation.Find(options.Model);
        var checker = RequestChecker.Open(folder, options.Loading);
        if (options.Batch is int wanted)
            ModelArguments.CheckBatch("--batch", wanted, checker.Model);
        int batch = ModelArguments.BatchOf(options.Batch, checker.Model);
        OutputFile.CreateFolder(options.Output);
        TextToImageOptions loading = options.Loading with { ExpectedBatch = batch, MaxBatch = batch };
        await using TextToImage textToImage =
            await ModelArguments.LoadAsync(folder, loading, IProgressDisplay.ForStandardError(), cancellation);
        Print.License(textToImage.Model);

        using var run = new WorkerRun(options, lines, checker, textToImage, batch);
        string queue = SubmitCommand.QueueOf(checker.Model);
        Print.Note($"{run._worker} reads {queue} on {options.Address}.");
        var reader = new WorkReader(options.Address, queue, $"sjd worker {run._worker}", (ushort)run._places, Print.Note);
        try
        {
            await reader.RunAsync(run.HandleAsync, options.Drain, cancellation);
            return ExitCode.Done;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            throw new StoppedException("Stopped; images that were not finished go back to the queue.", cancellation);
        }
    }

    public void Dispose()
    {
        _free.Dispose();
        _alone.Dispose();
    }

    private async Task<Settlement> HandleAsync(Delivery delivery, CancellationToken cancellation)
    {
        ImageMessage? message = null;
        CheckedImage image;
        try
        {
            message = ImageMessage.FromBytes(delivery.Body);
            image = Check(message);
        }
        catch (Exception error) when (error is JsonException or CommandException or RequestException)
        {
            return await GiveUpAsync(delivery, message, error.Message, cancellation);
        }

        // After an interruption the broker may deliver again what is still being drawn here.
        string key = $"{message.Job}/{message.File}";
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        while (_underWay.GetOrAdd(key, ended.Task) is var other && other != ended.Task)
            await other.WaitAsync(cancellation);
        try
        {
            return await _folders.UseAsync(message.Job, folder => HandleAsync(delivery, message, folder, image, cancellation));
        }
        finally
        {
            _underWay.TryRemove(key, out _);
            ended.SetResult();
        }
    }

    private async Task<Settlement> HandleAsync(
        Delivery delivery, ImageMessage message, JobFolder folder, CheckedImage image, CancellationToken cancellation)
    {
        if (folder.Find(image) is { } file)
        {
            return JobFolder.ResultOf(image, file) is { } there
                ? await FinishAsync(delivery, message, folder, there, cancellation)
                : await GiveUpAsync(delivery, message, $"'{file.FullName}' is there and was drawn from another request.", cancellation);
        }

        bool isSuspicious = delivery.Deliveries >= SuspiciousDeliveries || folder.FailuresOf(image).Count > 0;
        int places = isSuspicious ? _places : 1;
        await TakeAsync(places, cancellation);
        try
        {
            return await DrawAsync(delivery, message, folder, image, isSuspicious, cancellation);
        }
        finally
        {
            _free.Release(places);
        }
    }

    /// <param name="isAlone">Whether no other image is being drawn, so that the end of this process would be this image's doing.</param>
    private async Task<Settlement> DrawAsync(
        Delivery delivery, ImageMessage message, JobFolder folder, CheckedImage image, bool isAlone, CancellationToken cancellation)
    {
        if (folder.FailuresOf(image) is { } failures && failures.Count >= _options.MaxFailures)
            return await GiveUpAsync(delivery, message, failures[^1], cancellation);
        if (isAlone)
            folder.AddFailure(image, $"The worker {_worker} ended while it drew this image and no other.");
        try
        {
            await LogAsync(delivery, message, JobEventKind.Begun, reason: null, cancellation);
            ImageResult result = await new ImageWriter(folder.Path, _textToImage).DrawAsync(image, progress: null, cancellation);
            Print.FileName(System.IO.Path.Combine(folder.Path, image.Name));
            return await FinishAsync(delivery, message, folder, result, cancellation);
        }
        catch (InferenceException error)
        {
            if (isAlone)
                folder.RemoveLastFailure(image);
            folder.AddFailure(image, error.Message);
            Print.Note($"{message.Job}/{image.Name} failed: {error.Message}");
            return Settlement.Again;
        }
        catch when (isAlone)
        {
            folder.RemoveLastFailure(image); // the worker was stopped, the disk is full, or the queue is gone
            throw;
        }
    }

    private async Task<Settlement> FinishAsync(
        Delivery delivery, ImageMessage message, JobFolder folder, ImageResult result, CancellationToken cancellation)
    {
        folder.Add(result);
        await LogAsync(delivery, message, JobEventKind.Finished, reason: null, cancellation);
        return Settlement.Done;
    }

    private async Task<Settlement> GiveUpAsync(
        Delivery delivery, ImageMessage? message, string reason, CancellationToken cancellation)
    {
        Print.Note($"{(message is null ? "A message" : $"{message.Job}/{message.File}")} was given up: {reason}");
        await delivery.Connection.PublishFailedAsync(delivery.Body, _worker, reason, cancellation);
        if (message is not null && FleetNames.IsJob(message.Job))
        {
            await LogAsync(delivery, message, JobEventKind.Failed, reason, cancellation);
            if (BatchNames.ComplaintAbout(message.File) is null)
            {
                await _folders.UseAsync(message.Job, folder =>
                {
                    folder.ForgetFailures(message.File);
                    return Task.FromResult(true);
                });
            }
        }

        return Settlement.Done;
    }

    private async Task LogAsync(
        Delivery delivery, ImageMessage message, JobEventKind kind, string? reason, CancellationToken cancellation)
    {
        var entry = new JobEvent(kind, 0)
        {
            Index = message.Index,
            File = message.File,
            Machine = Environment.MachineName,
            Worker = _worker,
            Reason = reason,
        };
        JobLog log = await delivery.Connection.LogOfAsync(message.Job, cancellation);
        await log.AddAsync(entry, cancellation);
    }

    /// <summary>Whoever can write to the queue can write anything, so names of files and jobs are checked as those of users are.</summary>
    private CheckedImage Check(ImageMessage message)
    {
        if (!FleetNames.IsJob(message.Job) || BatchNames.ComplaintAbout(message.File) is not null)
            throw new CommandException(ExitCode.Input, $"The message has the job '{message.Job}' and the file '{message.File}'.");
        // The queue is that of this model and precision.
        ParsedLine parsed = _lines.Parse(message.Values.Where(value => value.Key is not ("model" or "precision")).ToDictionary());
        var image = new BatchImage
        {
            Index = message.Index,
            Line = message.Line,
            Id = message.Id,
            Name = message.File,
            Request = new GenerationRequest { Prompt = message.Prompt, NegativePrompt = parsed.NegativePrompt, Seed = message.Seed },
            Values = message.Values,
            Options = parsed.Image,
            Model = null,
            Precision = null,
        };
        if (!message.File.EndsWith(parsed.Image.Format.Extension(), StringComparison.Ordinal))
            throw new CommandException(ExitCode.Input, $"The message has the format {parsed.Image.Format} and the file '{message.File}'.");
        return CheckedImage.Of(image, _checker);
    }

    private async Task TakeAsync(int places, CancellationToken cancellation)
    {
        // Two that each waited for all places would wait for each other.
        if (places > 1)
            await _alone.WaitAsync(cancellation);
        try
        {
            for (int taken = 0; taken < places; taken++)
            {
                try
                {
                    await _free.WaitAsync(cancellation);
                }
                catch (OperationCanceledException) when (taken > 0)
                {
                    _free.Release(taken);
                    throw;
                }
            }
        }
        finally
        {
            if (places > 1)
                _alone.Release();
        }
    }
}
