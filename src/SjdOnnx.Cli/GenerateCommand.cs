using System.Buffers.Binary;
using System.CommandLine;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;
using static SjdOnnx.Cli.CheckedOption;

namespace SjdOnnx.Cli;

/// <summary><c>sjd generate</c>: its options and how they become <see cref="GenerateOptions"/>.</summary>
internal sealed class GenerateCommand : Command
{
    /// <summary>What --help says below the options.</summary>
    public const string Notes = $"""
        Output:
          Standard output holds the names of the written pictures, one a line in the order in which they are finished, or with --json one
          object; standard error all else, such as the progress and the seed that was drawn. With -o - the picture itself goes to
          standard output. Files are PNG, JPEG or WebP, as the extension of --output or --format says, and each says how it was drawn
          (sjd inspect reads it): as the text "parameters" that other programs know, and as JSON. The same model, prompt, seed and
          options give the same bytes on every run and for any --count and --batch. With --window auto that holds on one machine, whose
          table of costs chooses the windows; ar and exact draw the same picture whatever the window.

        {ExitCode.Table}

        Examples:
          sjd generate "a fox above a rocket on a blue background" -o fox.png
          sjd generate "four strawberries on a pink background" --seed 7 --count 10 --json
          sjd generate "a fox" --format webp --quality 80
          sjd generate "a fox" -o - --format jpeg | display -
        """;

    private static readonly string[] OtherFormats = [".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".jxl"];

    private static readonly string[] FormatNames = [.. Enum.GetNames<ImageFormat>().Select(name => name.ToLowerInvariant())];

    private readonly Argument<string> _prompt = new("PROMPT")
    {
        Description = "What to draw, in quotes; put -- before one that starts with -",
    };

    private readonly Option<string?> _output = Text("--output", "-o", "FILE",
        "The picture to write, over what is there; with --count, an index from 0 goes before the extension (fox-0.png). " +
        "Without it the name is made from the seed (sjd-00000042.png), with -2, -3... added rather than overwrite a file. " +
        "With - the picture goes to standard output");

    private readonly Option<string?> _format =
        OneOf("--format", "Format of the pictures", FormatNames, "by the extension of --output, or png");

    private readonly Option<int?> _quality = Number<int>("--quality", "N", "Quality of jpeg and lossy webp",
        "a whole number from 1 to 100", $"{ImageFileOptions.DefaultQuality}", n => n is >= 1 and <= 100);

    private readonly Option<bool> _lossless = Flag("--lossless", "Write a webp that keeps every pixel as it is, as png always does");

    private readonly ModelArguments _model = new();

    private readonly Option<string?> _method = OneOf("--method",
        $"Decoding method, of which {string.Join(", ", MethodList.Lossy)} are lossy (see sjd methods)", DecodingMethods.Names, TheModels);

    private readonly Option<WindowSize?> _window = Window("--window",
        "Drafts that one forward pass judges; auto chooses by what passes cost on this machine (see sjd costs)", TheModels);

    private readonly Option<string?> _initialisation = OneOf("--init", "First guess at a token that no pass has predicted",
        [.. Initialisation.All.Select(initialisation => initialisation.Name)], TheModels);

    private readonly MethodArguments _methodOptions = new();

    private readonly Option<ulong?> _seed = Number<ulong>("--seed", "N", "Names the picture; picture i of --count has seed + i",
        $"a whole number from 0 to {ulong.MaxValue}", "drawn at random, printed and recorded", _ => true);

    private readonly Option<int?> _count = Number<int>("--count", "N", "Pictures to draw",
        "a whole number from 1 to 1000000", "1", n => n is >= 1 and <= 1_000_000);

    private readonly Option<int?> _batch = Number<int>("--batch", "N",
        "Pictures of --count that share a forward pass, which takes less time for each",
        "a whole number from 1 to 64", "4, or as many as --count and the model have; 1 with --preview", n => n is >= 1 and <= 64);

    private readonly SamplingArguments _sampling = new();

    private readonly Option<string?> _precision = Text("--precision", "", "NAME",
        $"Which of the model's transformers to run, such as fp32 or int8 [default: {TheModels}]");

    private readonly Option<bool> _preview = Flag("--preview",
        "Show the finished rows while drawing, as fox.preview.png beside fox.png: replaced every few rows, removed at the end");

    private readonly Option<string?> _trace = Text("--trace", "", "FILE",
        "Also write what was committed and drafted after each forward pass, as JSON; one picture at a time");

    private readonly Option<bool> _json = Flag("--json", "Print one JSON object about all pictures; times are in seconds");

    private readonly Option<bool> _noMetadata = Flag("--no-metadata", "Write the picture without prompt, seed and options");

    /// <summary>Its token tells whether an option was mistyped: see <see cref="CommandLine"/>.</summary>
    public Argument<string> Prompt => _prompt;

    public GenerateCommand()
        : base("generate", "Draws pictures of a text and writes them as PNG, JPEG or WebP files.")
    {
        _output.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: string value }]
                && OtherFormats.Contains(Path.GetExtension(value), StringComparer.OrdinalIgnoreCase))
                result.AddError($"--output is '{value}'; the name must end in {string.Join(", ", ImageFormats.Extensions)}.");
        });

        Arguments.Add(_prompt);
        Option[] options = [_output, _format, _quality, _lossless, _model.Model, _method, _window, _initialisation,
            .. _methodOptions.Options, _methodOptions.DenoisingSteps, _seed, _count, _batch,
            .. _sampling.Options, .. _model.Runtime, _precision, _preview, _trace, _json, _noMetadata];
        foreach (Option option in options)
            Options.Add(option);

        SetAction((parsed, cancellation) => Generation.RunAsync(Read(parsed), cancellation));
    }

    private GenerateOptions Read(ParseResult parsed)
    {
        var request = new GenerationRequest
        {
            Prompt = parsed.GetRequiredValue(_prompt),
            Seed = parsed.GetValue(_seed) ?? DrawSeed(),
            Method = parsed.GetValue(_method),
            Window = parsed.GetValue(_window),
            Initialisation = parsed.GetValue(_initialisation),
            DenoisingSteps = parsed.GetValue(_methodOptions.DenoisingSteps),
            Trace = parsed.GetValue(_trace) is not null,
        };
        var options = new GenerateOptions
        {
            Request = _sampling.Complete(_methodOptions.Complete(request, parsed), parsed),
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
        CheckFile(options);
        if (options is { Preview: true, Batch: > 1 })
        {
            throw new CommandException(ExitCode.Usage,
                $"--batch is {options.Batch}; with --preview it must be 1, since one picture is shown at a time.");
        }

        if (options is { Trace: not null, Count: > 1 })
        {
            throw new CommandException(ExitCode.Usage,
                $"--count is {options.Count}; with --trace it must be 1, since the file is of one picture.");
        }

        return request.Seed <= ulong.MaxValue - (ulong)(options.Count - 1)
            ? options
            : throw new CommandException(ExitCode.Usage,
                $"--seed {request.Seed} with --count {options.Count} goes beyond the largest seed, {ulong.MaxValue}.");
    }

    /// <summary>--format, or what the extension of --output says, or PNG.</summary>
    private ImageFormat FormatOf(ParseResult parsed)
    {
        string? output = parsed.GetValue(_output);
        bool isNamed = ImageFormats.TryFromPath(output ?? "", out ImageFormat named);
        if (parsed.GetValue(_format) is not string name)
            return isNamed ? named : ImageFormat.Png;
        var format = Enum.Parse<ImageFormat>(name, ignoreCase: true);
        return !isNamed || named == format
            ? format
            : throw new CommandException(ExitCode.Usage,
                $"--output is '{output}' and --format {name}; leave --format out, or let the name end in {format.Extension()}.");
    }

    private static void CheckFile(GenerateOptions options)
    {
        string? complaint = options switch
        {
            { Format: ImageFormat.Png, File.Quality: int quality } =>
                $"--quality is {quality}, which png, being lossless, does not have; leave it out, or write jpeg or webp (see --format).",
            { File: { Lossless: true, Quality: int quality } } => $"--quality is {quality} with --lossless; give one of them.",
            { Format: ImageFormat.Jpeg, File.Lossless: true } =>
                "--lossless is given for jpeg, which is always lossy; leave it out, or write png or webp (see --format).",
            { ToStandardOutput: true, Count: > 1 } =>
                $"--count is {options.Count}; standard output takes one picture. Give --output the name of a file.",
            { ToStandardOutput: true, Json: true } =>
                "--json prints to standard output, where the picture is to go; give --output the name of a file, or leave --json out.",
            { ToStandardOutput: true, Preview: true } =>
                "--preview writes a file beside the picture, which is to go to standard output; give --output the name of a file.",
            _ => null,
        };
        if (complaint is not null)
            throw new CommandException(ExitCode.Usage, complaint);
    }

    /// <summary>32 random bits: short enough to type again, and exact in every JSON reader. The runtime makes a GUID from the system's
    /// random numbers without loading a cryptography library.</summary>
    private static ulong DrawSeed() => BinaryPrimitives.ReadUInt32LittleEndian(Guid.NewGuid().ToByteArray());
}
