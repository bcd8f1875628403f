using System.Globalization;
using System.Text;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli;

/// <summary>What <c>sjd generate</c> does: load, draw, write each picture as soon as it is there.</summary>
internal sealed class Generation(GenerateOptions options, TextToImage textToImage, IProgressDisplay display)
{
    /// <summary>Rows of codes between two previews: each preview costs a run of the image decoder.</summary>
    private const int RowsPerPreview = 4;

    /// <summary>Pictures in a pass where there are so many to draw and nothing is said.</summary>
    private const int UsualBatch = 4;

    /// <summary>Of the prompt, in UTF-8 bytes. ONNX Runtime 1.29 reads the command line when it starts and matches it against regular
    /// expressions that recurse for each character: from 30,000 on (8 MB of stack, Linux) it takes the process down.</summary>
    private const int LongestArgument = 16 * 1024;

    private readonly PictureNames _names = NamesOf(options);
    private readonly List<(int Index, ImageReport Report)> _images = []; // not the pictures themselves: there may be thousands
    private GenerationSettings? _settings;
    private TraceReport? _trace;
    private bool _previewWritten;

    /// <returns>The exit code.</returns>
    /// <exception cref="CommandException">A picture cannot be written, there is no such model, or the prompt is too long.</exception>
    public static async Task<int> RunAsync(GenerateOptions options, CancellationToken cancellation)
    {
        CheckPrompt(options.Request.Prompt);
        string folder = ModelLocation.Find(options.Model);
        CheckWritable(options);
        if (options.Batch is int batch)
            BatchLimit.Check("--batch", batch, ModelDescription.Read(folder, options.Loading.Precision));

        WarmUpEncoder(options);
        IProgressDisplay display = IProgressDisplay.ForStandardError();
        // Loading runs to its end even after Ctrl+C: a process that exits under ONNX Runtime's loading threads can crash. A second
        // Ctrl+C does not wait.
        using TextToImage textToImage = await display.LoadAsync(
            $"loading {folder}", () => Task.Run(() => TextToImage.Load(folder, options.Loading)));
        cancellation.ThrowIfCancellationRequested();

        if (LicenseNotice.Take(textToImage.Model) is string notice)
            Print.Note(notice);
        await new Generation(options, textToImage, display).RunAsync(cancellation);
        return ExitCode.Done;
    }

    /// <summary>The encoder's code takes longer to compile than a small picture to encode: it is compiled beside the loading.</summary>
    private static void WarmUpEncoder(GenerateOptions options)
    {
        const int Side = 32;
        byte[] pixels = [.. Enumerable.Range(0, Side * Side * 3).Select(static i => (byte)(i * i / 7))];
        _ = Task.Run(() => new GenerationPreview(Side, Side, Side, pixels).Encode(options.Format, options.File));
    }

    private static void CheckPrompt(string prompt)
    {
        int bytes = Encoding.UTF8.GetByteCount(prompt);
        if (bytes > LongestArgument)
        {
            throw new CommandException(ExitCode.Request, string.Create(CultureInfo.InvariantCulture,
                $"The prompt has {bytes:N0} bytes; at most {LongestArgument:N0} can be read. Say it in fewer words."));
        }
    }

    /// <summary>Before anything is drawn: hours of drawing should not end at a folder that cannot be written.</summary>
    private static void CheckWritable(GenerateOptions options)
    {
        if (options.ToStandardOutput)
        {
            if (!Console.IsOutputRedirected)
            {
                throw new CommandException(ExitCode.Output,
                    "The picture cannot be written to a terminal; send standard output to a file or program, or give --output a name.");
            }
        }
        else
        {
            CheckPictures(options);
        }

        if (options.Trace is string trace)
            OutputFile.CheckWritable(trace);
    }

    private static void CheckPictures(GenerateOptions options)
    {
        PictureNames names = NamesOf(options);
        string? trace = options.Trace is null ? null : OutputFile.Target(options.Trace);
        int differentPlaces = options.Output is null ? 1 : options.Count;
        for (int index = 0; index < differentPlaces; index++)
        {
            string picture = names.Of(index, options.Request.Seed);
            foreach (string name in options.Preview ? (string[])[picture, names.PreviewOf(picture)] : [picture])
            {
                if (OutputFile.Target(name) == trace)
                {
                    throw new CommandException(
                        ExitCode.Usage, $"'{options.Trace}' is to be written twice; give --trace a name of its own.");
                }

                OutputFile.CheckWritable(name);
            }
        }
    }

    private async Task RunAsync(CancellationToken cancellation)
    {
        int batch = BatchSize();
        try
        {
            if (batch == 1)
                await DrawOneByOneAsync(cancellation);
            else
                await DrawTogetherAsync(batch, cancellation);
        }
        finally
        {
            // Also when the disk is full or Ctrl+C was pressed: what has been written is named.
            if (options.Json && _images.Count > 0)
                PrintReport(batch);
        }

        if (_trace is not null)
            OutputFile.Replace(options.Trace!, Encoding.UTF8.GetBytes(_trace.ToJson()));
    }

    private void PrintReport(int batch)
    {
        ImageReport[] images = [.. _images.OrderBy(image => image.Index).Select(image => image.Report)];
        Print.Data(GenerateReport.Of(textToImage.Model, _settings! with { Seed = options.Request.Seed }, batch, images).ToJson());
    }

    private int BatchSize()
    {
        int batch = options.Batch ?? (options.Preview ? 1 : UsualBatch);
        return Math.Min(batch, Math.Min(options.Count, textToImage.Model.Batches[^1]));
    }

    private async Task DrawOneByOneAsync(CancellationToken cancellation)
    {
        for (int index = 0; index < options.Count; index++)
        {
            ulong seed = SeedOf(index);
            string name = _names.Of(index, seed);
            string title = options.Count == 1
                ? "drawing"
                : string.Create(CultureInfo.InvariantCulture, $"picture {index + 1} of {options.Count}");
            try
            {
                GeneratedImage image = await display.WorkAsync(
                    title, progress => DrawAsync(RequestOf(seed), progress, _names.PreviewOf(name), cancellation));
                Finish(index, name, image);
            }
            finally
            {
                if (_previewWritten)
                    OutputFile.Remove(_names.PreviewOf(name));
                _previewWritten = false;
            }
        }
    }

    private async Task DrawTogetherAsync(int batch, CancellationToken cancellation)
    {
        IEnumerable<GenerationRequest> requests = Enumerable.Range(0, options.Count).Select(index => RequestOf(SeedOf(index)));
        await display.WorkAsync("drawing", async progress =>
        {
            var told = new BatchProgressOf(options.Count, progress);
            await foreach ((int index, GeneratedImage image) in textToImage.GenerateManyAsync(
                requests, new GenerateManyOptions { Batch = batch }, told, cancellation))
                Finish(index, _names.Of(index, SeedOf(index)), image);
            return options.Count;
        });
    }

    /// <summary>Writes a picture and says so.</summary>
    private void Finish(int index, string name, GeneratedImage image)
    {
        string file = _names.Write(name, image.Settings.Seed, image.Encode(options.Format, options.File));
        Print.Note(Summary(options.ToStandardOutput ? "standard output" : file, image));
        _settings ??= image.Settings;
        if (options.Trace is not null)
            _trace = TraceReport.Of(textToImage.Model, image);
        if (options.Json)
            _images.Add((index, ImageReport.Of(file, image)));
        else if (!options.ToStandardOutput)
            Print.Data(file);
    }

    private async Task<GeneratedImage> DrawAsync(
        GenerationRequest request, IProgress<WorkProgress> display, string preview, CancellationToken cancellation)
    {
        await foreach (GenerationEvent happened in textToImage.StreamAsync(request, cancellation))
        {
            switch (happened)
            {
                case GenerationProgress progress:
                    display.Report(WorkProgress.Of(progress));
                    break;
                case GenerationPreview shown:
                    OutputFile.Replace(preview, shown.Encode(options.Format, options.File with { Fast = true }));
                    _previewWritten = true;
                    break;
                case GenerationCompleted { Image: GeneratedImage image }:
                    return image;
            }
        }

        throw new InvalidOperationException("The stream of events ended without a picture.");
    }

    private static PictureNames NamesOf(GenerateOptions options) => new(options.Output, options.Count, options.Format.Extension());

    private ulong SeedOf(int index) => options.Request.Seed + (ulong)index;

    private GenerationRequest RequestOf(ulong seed) =>
        options.Request with { Seed = seed, PreviewEveryRows = options.Preview ? RowsPerPreview : 0 };

    private static string Summary(string file, GeneratedImage image)
    {
        GenerationSettings settings = image.Settings;
        double seconds = image.Seconds.Prefill + image.Seconds.Decode + image.Seconds.Image;
        string drafts = settings.Window.IsAuto ? string.Create(CultureInfo.InvariantCulture, $", {image.DraftsPerPass:F1} drafts") : "";
        string lossy = MethodList.IsExact(settings.Method) ? "" : $"; {settings.Method} is lossy";
        return string.Create(CultureInfo.InvariantCulture,
            $"{file}: seed {settings.Seed}, {image.ImageTokens} tokens in {image.ForwardPasses} forward passes " +
            $"({image.TokensPerPass:F1} per pass{drafts}), {seconds:F2} s{lossy}");
    }

    /// <summary>Called on the drawing thread.</summary>
    private sealed class BatchProgressOf(int count, IProgress<WorkProgress> progress) : IProgress<BatchProgress>
    {
        public void Report(BatchProgress value) => progress.Report(WorkProgress.Of(value, count));
    }
}
