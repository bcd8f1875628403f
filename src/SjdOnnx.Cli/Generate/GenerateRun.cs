using System.Globalization;
using System.Text;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Cli.Generate;

/// <summary>What <c>sjd generate</c> does: load the model, draw, and write each image as soon as it is finished.</summary>
internal sealed class GenerateRun(GenerateOptions options, int batch, TextToImage textToImage, IProgressDisplay display)
{
    // Each preview costs a run of the image decoder.
    private const int RowsPerPreview = 4;

    private const int UsualBatch = 4;

    private readonly ImageNames _names = NamesOf(options);
    private readonly List<(int Index, ImageReport Report)> _images = []; // not the images themselves: there may be thousands
    private GenerationData? _data;
    private TraceReport? _trace;
    private bool _previewWritten;

    /// <returns>The exit code.</returns>
    /// <exception cref="CommandException">
    /// A file cannot be written, there is no such model, or an option does not fit its method.
    /// </exception>
    public static async Task<int> RunAsync(GenerateOptions options, CancellationToken cancellation)
    {
        string folder = ModelLocation.Find(options.Model);
        CheckWritable(options);
        ModelDescription model = ModelDescription.Read(folder, options.Loading.Precision);
        options = options with { Image = options.Image.With(options.Image.Method ?? model.DefaultMethod) };
        if (options.Batch is int wanted)
            ModelArguments.CheckBatch("--batch", wanted, model);
        int batch = Math.Min(options.Batch ?? (options.Preview ? 1 : UsualBatch), Math.Min(options.Count, model.Batches[^1]));

        WarmUpEncoder(options);
        IProgressDisplay display = IProgressDisplay.ForStandardError();
        await using TextToImage textToImage =
            await ModelArguments.LoadAsync(folder, options.Loading with { ExpectedBatch = batch }, display, cancellation);
        Print.License(textToImage.Model);
        await new GenerateRun(options, batch, textToImage, display).RunAsync(cancellation);
        return ExitCode.Done;
    }

    /// <summary>Compiling the encoder's code takes longer than encoding an image, so it is compiled while the model loads.</summary>
    private static void WarmUpEncoder(GenerateOptions options)
    {
        const int Side = 32;
        byte[] rgb = [.. Enumerable.Range(0, Side * Side * 3).Select(static i => (byte)(i * i / 7))];
        _ = Task.Run(() => new RgbImage(Side, Side, rgb).Encode(options.Image.Format, options.Image.File));
    }

    /// <summary>Checks the files before anything is drawn: hours of drawing should not end at a folder that cannot be written.</summary>
    private static void CheckWritable(GenerateOptions options)
    {
        if (!options.ToStandardOutput)
        {
            CheckNames(options);
        }
        else if (!Console.IsOutputRedirected)
        {
            throw new CommandException(ExitCode.Output,
                "The image cannot be written to a terminal; send standard output to a file or program, or give --output a file's name.");
        }

        if (options.Trace is string trace)
            OutputFile.CheckWritable(trace);
    }

    private static void CheckNames(GenerateOptions options)
    {
        ImageNames names = NamesOf(options);
        string? trace = options.Trace is null ? null : OutputFile.Target(options.Trace);
        int differentPlaces = options.Output is null ? 1 : options.Count;
        for (int index = 0; index < differentPlaces; index++)
        {
            string image = names.Of(index, options.Request.Seed);
            foreach (string name in options.Preview ? (string[])[image, names.PreviewOf(image)] : [image])
            {
                if (OutputFile.Target(name) == trace)
                {
                    throw new CommandException(
                        ExitCode.Usage, $"'{options.Trace}' would be written twice; give --trace the name of another file.");
                }

                OutputFile.CheckWritable(name);
            }
        }
    }

    private async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            if (batch == 1)
                await DrawOneByOneAsync(cancellation);
            else
                await DrawTogetherAsync(cancellation);
        }
        finally
        {
            // What has been written is named even if the disk is full or Ctrl+C was pressed.
            if (options.Json && _images.Count > 0)
            {
                ImageReport[] images = [.. _images.OrderBy(image => image.Index).Select(image => image.Report)];
                Print.Data(GenerateReport.Of(_data!, options.Request.Seed, batch, images).ToJson());
            }
        }

        if (_trace is not null)
            OutputFile.Replace(options.Trace!, Encoding.UTF8.GetBytes(_trace.ToJson()));
    }

    private async Task DrawOneByOneAsync(CancellationToken cancellation)
    {
        for (int index = 0; index < options.Count; index++)
        {
            ulong seed = SeedOf(index);
            string name = _names.Of(index, seed);
            string title = options.Count == 1
                ? "drawing"
                : string.Create(CultureInfo.InvariantCulture, $"image {index + 1} of {options.Count}");
            try
            {
                GeneratedImage image = await display.WorkAsync(
                    title, progress => DrawAsync(seed, progress, _names.PreviewOf(name), cancellation));
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

    private async Task DrawTogetherAsync(CancellationToken cancellation)
    {
        IEnumerable<GenerationRequest> requests =
            Enumerable.Range(0, options.Count).Select(index => options.Request with { Seed = SeedOf(index) });
        await display.WorkAsync("drawing", async progress =>
        {
            var batchProgress = new DirectProgress<BatchProgress>(step => progress.Report(WorkProgress.Of(step, options.Count)));
            await foreach ((int index, GeneratedImage image) in textToImage.GenerateManyAsync(
                requests, options.Image.Drawing, new GenerateManyOptions { MaxBatch = batch }, batchProgress, cancellation))
                Finish(index, _names.Of(index, SeedOf(index)), image);
            return options.Count;
        });
    }

    /// <summary>Writes an image and reports it.</summary>
    private void Finish(int index, string name, GeneratedImage image)
    {
        string file = _names.Write(name, image.Settings.Seed, image.Encode(options.Image.Format, options.Image.File));
        Print.Note(Summary(options.ToStandardOutput ? "standard output" : file, image));
        _data ??= GenerationData.Of(image);
        if (options.Trace is not null)
            _trace = TraceReport.Of(_data, image);
        if (options.Json)
            _images.Add((index, ImageReport.Of(file, image)));
        else if (!options.ToStandardOutput)
            Print.FileName(file);
    }

    private async Task<GeneratedImage> DrawAsync(
        ulong seed, IProgress<WorkProgress> progress, string preview, CancellationToken cancellation)
    {
        GenerationOptions drawing = options.Image.Drawing with { PreviewEveryRows = options.Preview ? RowsPerPreview : 0 };
        await foreach (GenerationEvent happened in textToImage.StreamAsync(options.Request with { Seed = seed }, drawing, cancellation))
        {
            switch (happened)
            {
                case GenerationProgress step:
                    progress.Report(WorkProgress.Of(step));
                    break;
                case GenerationPreview { Image: RgbImage pixels }:
                    OutputFile.Replace(preview, pixels.Encode(options.Image.Format, options.Image.File with { Fast = true }));
                    _previewWritten = true;
                    break;
                case GenerationCompleted { Image: GeneratedImage image }:
                    return image;
            }
        }

        throw new InvalidOperationException("The stream of events ended without an image.");
    }

    private static ImageNames NamesOf(GenerateOptions options) => new(options.Output, options.Count, options.Image.Format.Extension());

    private ulong SeedOf(int index) => options.Request.Seed + (ulong)index;

    private static string Summary(string file, GeneratedImage image)
    {
        GenerationSettings settings = image.Settings;
        TimeSpan time = image.Timings.Prefill + image.Timings.Decode + image.Timings.Image;
        string drafts = settings.Window.IsAuto ? string.Create(CultureInfo.InvariantCulture, $", {image.DraftsPerPass:F1} drafts") : "";
        string lossy = settings.Method.Descriptor.IsExact ? "" : $"; {settings.Method.Descriptor} is lossy";
        return string.Create(CultureInfo.InvariantCulture,
            $"{file}: seed {settings.Seed}, {image.ImageTokens} tokens in {image.ForwardPasses} forward passes " +
            $"({image.TokensPerPass:F1} per pass{drafts}), {time.TotalSeconds:F2} s{lossy}");
    }
}
