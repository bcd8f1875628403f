using System.Collections.Concurrent;
using SjdOnnx.Cli.Batch.Sheet;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Batch;

/// <summary>What <c>sjd batch</c> does: check every line, see what the folder has, and draw what is missing.</summary>
internal sealed class BatchRun
{
    // While some images are encoded and stored, others take their places in the passes.
    private const int CallersPerPlace = 2;

    private readonly BatchOptions _options;
    private readonly BatchPlan _plan;
    private readonly FolderState _state;
    private readonly ResultsFile _results;
    private readonly ConcurrentDictionary<string, ImageResult> _finished;
    private readonly ConcurrentQueue<(CheckedImage Image, Exception Error)> _failed = [];

    private BatchRun(BatchOptions options, BatchPlan plan, FolderState state, ResultsFile results)
    {
        (_options, _plan, _state, _results) = (options, plan, state, results);
        _finished = new ConcurrentDictionary<string, ImageResult>(state.Finished);
    }

    /// <returns>The exit code.</returns>
    /// <exception cref="CommandException">
    /// The input has wrong lines, it is not the one that the folder's images were drawn from, or a file cannot be written.
    /// </exception>
    public static async Task<int> RunAsync(BatchOptions options, CancellationToken cancellation)
    {
        BatchPlan plan = options.Source.Read(options.Loading).Where(image => options.Shard.Has(image.Index));
        foreach (ModelGroup group in plan.Groups.Where(_ => options.Batch is not null))
            ModelArguments.CheckBatch("--batch", options.Batch!.Value, group.Model);
        if (options.Sheet is string sheet)
            OutputFile.CheckWritable(sheet);
        if (options.CheckOnly && !Directory.Exists(options.Output))
        {
            Print.Note(Printable.Count(plan.Images.Count(), "image") + " to draw; every line can be drawn.");
            return ExitCode.Done;
        }

        OutputFile.CreateFolder(options.Output);
        string own = ResultsFile.NameOf(options.Shard);
        using ResultsFile results = ResultsFile.Open(options.Output, own);
        Dictionary<string, ImageResult> earlier = ResultsFile.ReadOthers(options.Output, own, options.Shard);
        foreach ((string name, ImageResult result) in results.Read())
            earlier[name] = result;
        var state = new FolderState(options.Output, plan.Images, earlier);
        return await new BatchRun(options, plan, state, results).RunAsync(earlier, cancellation);
    }

    private async Task<int> RunAsync(Dictionary<string, ImageResult> earlier, CancellationToken cancellation)
    {
        CheckChanges();
        // What the folder has from lines that the input no longer has stays there, and in the results too.
        HashSet<string> planned = [.. _plan.Images.Select(image => image.Name)];
        ImageResult[] abandoned = [.. earlier.Values.Where(result => _options.Shard.IsWhole && !planned.Contains(result.File))];
        int left = abandoned.Count(result => result.IsFinished);
        if (left > 0)
            Print.Note($"{Printable.Count(left, "image")} in '{_options.Output}' belong to no line of the input any more; they stay.");
        int total = _plan.Images.Count();
        BatchPlan missing = _plan.Where(image => !_finished.ContainsKey(image.Name));
        int before = _finished.Count;
        if (_options.CheckOnly)
        {
            Print.Note($"{Printable.Count(total, "image")}: {before} finished, {total - before} to draw; every line can be drawn.");
            return ExitCode.Done;
        }

        foreach (ImageResult unrecorded in _state.Unrecorded)
            _results.Add(unrecorded);
        if (missing.Images.FirstOrDefault(image => image.DependsOnMachine) is { } moving)
        {
            Print.Note($"{moving.Name}: with the method {moving.Image.Options.Method} and --window auto, the image depends on the speed " +
                "of this machine; give --window a number for images that every machine draws.");
        }

        try
        {
            await DrawAsync(missing, total, before, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            throw new StoppedException(
                $"Stopped: {_finished.Count} of {Printable.Count(total, "image")} are finished; the same command draws the others.",
                cancellation);
        }

        _results.CloseWith([
            .. abandoned,
            .. _finished.Values,
            .. _failed.Select(failed => ImageResult.Of(failed.Image) with { Error = failed.Error.Message })]);
        WriteSheet();
        Print.Note($"{Printable.Count(total, "image")}: {total - before - _failed.Count} drawn, {before} were finished before" +
            (_failed.IsEmpty ? "." : $", {_failed.Count} failed; the same command tries those again."));
        return _failed.IsEmpty ? ExitCode.Done : ExitCode.Unexpected;
    }

    private void CheckChanges()
    {
        if (_state.Changed is [CheckedImage first, ..] && !_options.RedrawChanged)
        {
            string files = Printable.Count(_state.Changed.Count, "file");
            throw new CommandException(ExitCode.Output,
                $"{files} in '{_options.Output}' would be replaced, because the input or the options have changed since, or another " +
                $"program wrote them (the first is {first.Name}, line {first.Image.Line}); draw into another folder, or give " +
                "--redraw-changed.");
        }
    }

    private async Task DrawAsync(BatchPlan missing, int total, int before, CancellationToken cancellation)
    {
        IProgressDisplay display = IProgressDisplay.ForStandardError();
        BatchProgress? counter = null; // counts the time from when the first model is loaded
        foreach (ModelGroup group in missing.Groups)
        {
            int batch = Math.Min(ModelArguments.BatchOf(_options.Batch, group.Model), group.Images.Count);
            TextToImageOptions loading =
                _options.Loading with { Precision = group.Model.Precision, ExpectedBatch = batch, MaxBatch = batch };
            await using TextToImage textToImage = await ModelArguments.LoadAsync(group.Folder, loading, display, cancellation);
            Print.License(textToImage.Model);
            counter ??= new BatchProgress(total, before, missing.Groups.Sum(TokensOf));
            await display.WorkAsync("drawing", async progress =>
            {
                counter.Display = progress;
                await DrawAsync(group, textToImage, batch * CallersPerPlace, counter, cancellation);
                return total - before;
            });
        }
    }

    private static long TokensOf(ModelGroup group) =>
        group.Images.Sum(image => image.Pixels / group.Model.PixelsPerCode / group.Model.PixelsPerCode);

    /// <summary>Draws the images of a model. Those that fail are tried once more, each alone.</summary>
    private async Task DrawAsync(
        ModelGroup group, TextToImage textToImage, int callers, BatchProgress progress, CancellationToken cancellation)
    {
        var writer = new ImageWriter(_options.Output, textToImage);
        var queue = new ConcurrentQueue<CheckedImage>(group.Images);
        var again = new ConcurrentQueue<CheckedImage>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task[] all = [.. Enumerable.Range(0, callers).Select(_ => Task.Run(DrawQueueAsync, CancellationToken.None))];
        await Task.WhenAll(all);
        foreach (CheckedImage image in again)
        {
            if (await TryDrawAsync(image) is { } error)
            {
                _failed.Enqueue((image, error));
                Print.Note($"{image.Name} (line {image.Image.Line}) failed: {error.Message}");
            }
        }

        async Task DrawQueueAsync()
        {
            try
            {
                while (queue.TryDequeue(out CheckedImage? image))
                {
                    stop.Token.ThrowIfCancellationRequested();
                    if (await TryDrawAsync(image) is not null)
                        again.Enqueue(image);
                }
            }
            catch
            {
                await stop.CancelAsync(); // awaiting all tasks throws the failure, and not the cancellations that follow it
                throw;
            }
        }

        async Task<InferenceException?> TryDrawAsync(CheckedImage image)
        {
            try
            {
                ImageResult result = await writer.DrawAsync(image, progress.OfImage(), stop.Token);
                _results.Add(result);
                _finished[image.Name] = result;
                progress.Finish();
                Print.FileName(Path.Combine(_options.Output, image.Name));
                return null;
            }
            catch (InferenceException error)
            {
                return error;
            }
        }
    }

    private void WriteSheet()
    {
        SheetImage[] images = [.. _plan.Images.Where(image => _finished.ContainsKey(image.Name)).Select(image => new SheetImage(
            Path.Combine(_options.Output, image.Name), Path.GetFileNameWithoutExtension(image.Name), image.Image.Request.Prompt))];
        if (_options.Sheet is not string sheet || images.Length == 0)
            return;
        foreach (string file in ContactSheet.Write(sheet, images))
            Print.Note($"contact sheet: {file}");
    }
}
