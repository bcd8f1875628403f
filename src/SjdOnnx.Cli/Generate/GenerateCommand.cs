using System.Buffers.Binary;
using System.CommandLine;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;
using static SjdOnnx.Cli.Terminal.CheckedOption;

namespace SjdOnnx.Cli.Generate;

/// <summary><c>sjd generate</c>: its options and how they become <see cref="GenerateOptions"/>.</summary>
internal sealed class GenerateCommand : SjdCommand
{
    private static readonly string[] OtherFormats = [".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".jxl"];

    private static readonly string[] FormatNames = [.. Enum.GetNames<ImageFormat>().Select(name => name.ToLowerInvariant())];

    private readonly DecodingMethods _methods;

    private readonly Option<string?> _output = Text("--output", "FILE",
        "The image file; an existing one is replaced. With --count the images are numbered (fox-0.png, fox-1.png). Use - for standard " +
        "output. Without this option, names are made from the seeds (sjd-00000042.png), and no file is replaced.", "-o");

    private readonly Option<string?> _format =
        OneOf("--format", "Format of the image files", FormatNames, "by the extension of --output, or png");

    private readonly Option<int?> _quality = Number<int>("--quality", "N", "Quality of JPEG and lossy WebP files",
        "a whole number from 1 to 100", $"{ImageFileOptions.DefaultQuality}", static n => n is >= 1 and <= 100);

    private readonly Option<bool> _lossless = Flag("--lossless", "Write lossless WebP files; PNG files always are");

    private readonly Option<bool> _noMetadata = Flag("--no-metadata", "Leave prompt, seed and options out of the image files");

    private readonly Option<bool> _preview = Flag("--preview",
        "Show the finished rows of each image while it is drawn, in fox.preview.png beside fox.png, which is removed at the end");

    private readonly Option<bool> _json = Flag("--json",
        "Print one JSON object about all images instead of their names; times are in seconds");

    private readonly Option<string?> _trace = Text("--trace", "FILE",
        "Also write a JSON file with the tokens that each forward pass of one image settled and drafted");

    private readonly Option<ulong?> _seed = Number<ulong>("--seed", "N", "Selects the image; image i of --count has the seed N + i",
        $"a whole number from 0 to {ulong.MaxValue}", "random, printed and recorded", static _ => true);

    private readonly Option<int?> _count = Number<int>("--count", "N", "Images to draw",
        "a whole number from 1 to 1000000", "1", static n => n is >= 1 and <= 1_000_000);

    private readonly Option<int?> _batch = Number<int>("--batch", "N",
        "Images that share each forward pass, which takes less time than one after another",
        "a whole number from 1 to 64", "4, or less if --count or the model is smaller; 1 with --preview", static n => n is >= 1 and <= 64);

    private readonly DrawingArguments _drawing = new();

    private readonly Option<string?> _method;

    private readonly Option<WindowSize?> _window = Window("--window",
        "Drafts that a forward pass judges; auto chooses the fastest number for each pass, by the times that sjd costs prints", TheModels);

    private readonly Option<string?> _initialization = OneOf("--init", "First guess at a token that no pass has predicted yet",
        [.. Initialization.All.Select(initialization => initialization.Name)], TheModels);

    private readonly MethodArguments _methodArguments;

    private readonly ModelArguments _model = new();

    private readonly Option<Precision?> _precision = Precision("--precision");

    /// <param name="methods">The decoding methods to choose from.</param>
    public GenerateCommand(DecodingMethods methods)
        : base("generate", "Draws images of a prompt and writes them as PNG, JPEG or WebP files.")
    {
        _methods = methods;
        _methodArguments = new MethodArguments(methods, lists: false);
        _method = OneOf(
            "--method", $"Decoding method, which sjd methods explains; {_methodArguments.Lossy} are lossy", methods.Names, TheModels);

        Arguments.Add(Prompt);
        Add("Files", _output, _format, _quality, _lossless, _noMetadata, _preview, _json, _trace);
        Add("Images", [_seed, _count, _batch, .. _drawing.Options]);
        Add("Decoding", _method, _window, _initialization);
        Add("Options of single decoding methods", _methodArguments.Options);
        Add("Model", [_model.Model, _precision, .. _model.Runtime]);
        SetAction((parsed, cancellation) => GenerateRun.RunAsync(Read(parsed), cancellation));
    }

    /// <summary>What the images show.</summary>
    public Argument<string> Prompt { get; } = new("PROMPT")
    {
        Description = "What the images show, in quotes; put -- before a prompt that starts with -",
    };

    public override string Notes => """
        Results:
          The names of the image files go to standard output, one a line, in the order in which the images are
          finished. Progress, seeds and times go to standard error. Each file records how it was drawn, and
          sjd inspect prints that.

          The same model, prompt, seed and options give the same bytes on every run, for any --count and --batch.
          With --window auto this holds on one machine only, because the windows depend on its speed. The methods
          ar and exact draw the same image with any window.

        Examples:
          sjd generate "a fox above a rocket on a blue background" -o fox.png
          sjd generate "four strawberries on a pink background" --seed 7 --count 10 --json
          sjd generate "a fox" --format webp --quality 80
          sjd generate "a fox" -o - --format jpeg | display -
        """;

    public override string ComplaintAbout(string word) => $"'{word}' is one word too many; put the whole prompt in quotes.";

    private GenerateOptions Read(ParseResult parsed)
    {
        var options = new GenerateOptions
        {
            Request = new GenerationRequest
            {
                Prompt = parsed.GetRequiredValue(Prompt),
                NegativePrompt = _drawing.NegativePrompt(parsed),
                Seed = parsed.GetValue(_seed) ?? DrawSeed(),
            },
            Drawing = _drawing.Read(parsed) with
            {
                Window = parsed.GetValue(_window),
                Initialization = parsed.GetValue(_initialization) is string name ? Initialization.Parse(name) : null,
                Trace = parsed.GetValue(_trace) is not null,
            },
            MethodValues = _methodArguments.Read(parsed),
            Output = parsed.GetValue(_output),
            Model = _model.ModelOf(parsed),
            Loading = _model.LoadingOf(parsed) with { Precision = parsed.GetValue(_precision) },
            Count = parsed.GetValue(_count) ?? 1,
            Batch = parsed.GetValue(_batch),
            Trace = parsed.GetValue(_trace),
            Preview = parsed.GetValue(_preview),
            Json = parsed.GetValue(_json),
            Format = FormatOf(parsed),
            File = new ImageFileOptions
            {
                Metadata = !parsed.GetValue(_noMetadata),
                Quality = parsed.GetValue(_quality),
                Lossless = parsed.GetValue(_lossless),
            },
        };
        if (ComplaintAbout(options) is string complaint)
            throw new CommandException(ExitCode.Usage, complaint);
        return parsed.GetValue(_method) is string method ? options.With(_methods[method]) : options;
    }

    /// <summary>--format, or the extension of --output, or PNG.</summary>
    private ImageFormat FormatOf(ParseResult parsed)
    {
        string? output = parsed.GetValue(_output);
        if (OtherFormats.Contains(Path.GetExtension(output), StringComparer.OrdinalIgnoreCase))
        {
            throw new CommandException(
                ExitCode.Usage, $"--output is '{output}'; the name must end in {string.Join(", ", ImageFormats.Extensions)}.");
        }

        bool isNamed = ImageFormats.TryFromPath(output ?? "", out ImageFormat named);
        if (parsed.GetValue(_format) is not string name)
            return isNamed ? named : ImageFormat.Png;
        var format = Enum.Parse<ImageFormat>(name, ignoreCase: true);
        return !isNamed || named == format
            ? format
            : throw new CommandException(ExitCode.Usage,
                $"--output is '{output}' and --format is {name}; leave --format out, or let the name end in {format.Extension()}.");
    }

    private static string? ComplaintAbout(GenerateOptions options) => options switch
    {
        { Format: ImageFormat.Png, File.Quality: int quality } =>
            $"--quality is {quality}, and PNG files are lossless; leave it out, or write jpeg or webp (see --format).",
        { File: { Lossless: true, Quality: int quality } } => $"--quality is {quality} with --lossless; give one of them.",
        { Format: ImageFormat.Jpeg, File.Lossless: true } =>
            "--lossless is given for jpeg, which is always lossy; leave it out, or write png or webp (see --format).",
        { ToStandardOutput: true, Count: > 1 } =>
            $"--count is {options.Count}; standard output takes one image. Give --output the name of a file.",
        { ToStandardOutput: true, Json: true } =>
            "--json prints to standard output, where the image goes; give --output the name of a file, or leave --json out.",
        { ToStandardOutput: true, Preview: true } =>
            "--preview writes a file beside the image, which goes to standard output; give --output the name of a file.",
        { Preview: true, Batch: > 1 } =>
            $"--batch is {options.Batch}; with --preview it must be 1, because one image is shown at a time.",
        { Trace: not null, Count: > 1 } => $"--count is {options.Count}; with --trace it must be 1, because the file describes one image.",
        _ when options.Request.Seed > ulong.MaxValue - (ulong)(options.Count - 1) =>
            $"--seed {options.Request.Seed} with --count {options.Count} goes beyond the largest seed, {ulong.MaxValue}.",
        _ => null,
    };

    /// <summary>Returns 32 random bits: short to type, and exact in every JSON reader.</summary>
    private static ulong DrawSeed() => BinaryPrimitives.ReadUInt32LittleEndian(Guid.NewGuid().ToByteArray());
}
