using System.CommandLine;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;
using static SjdOnnx.Cli.Terminal.CheckedOption;

namespace SjdOnnx.Cli.Terminal;

/// <summary>The options about how an image is drawn and written.</summary>
internal sealed class ImageArguments
{
    private static readonly string[] OtherFormats = [".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".jxl"];

    private static readonly string[] FormatNames = [.. Enum.GetNames<ImageFormat>().Select(name => name.ToLowerInvariant())];

    private readonly DecodingMethods _methods;

    private readonly Option<string?> _format;

    private readonly Option<int?> _quality = Number<int>("--quality", "N", "Quality of JPEG and lossy WebP files",
        "a whole number from 1 to 100", $"{ImageFileOptions.DefaultQuality}", static n => n is >= 1 and <= 100);

    private readonly Option<bool> _lossless = Flag("--lossless", "Write lossless WebP files; PNG files always are");

    private readonly Option<bool> _noMetadata = Flag("--no-metadata", "Leave prompt, seed and options out of the image files");

    private readonly DrawingArguments _drawing = new();

    private readonly Option<string?> _method;

    private readonly Option<WindowSize?> _window = Window("--window",
        "Drafts that a forward pass judges; auto chooses the fastest number for each pass, by the times that sjd costs prints", TheModels);

    private readonly Option<string?> _initialization = OneOf("--init", "First guess at a token that no pass has predicted yet",
        [.. Initialization.All.Select(initialization => initialization.Name)], TheModels);

    private readonly MethodArguments _methodArguments;

    /// <param name="methods">The decoding methods to choose from.</param>
    /// <param name="defaultFormat">The format without --format, in words.</param>
    public ImageArguments(DecodingMethods methods, string defaultFormat)
    {
        _methods = methods;
        _format = OneOf("--format", "Format of the image files", FormatNames, defaultFormat);
        _methodArguments = new MethodArguments(methods, lists: false);
        _method = OneOf(
            "--method", $"Decoding method, which sjd methods explains; {_methodArguments.Lossy} are lossy", methods.Names, TheModels);
    }

    /// <summary>Format and content of the files.</summary>
    public Option[] File => [_format, _quality, _lossless, _noMetadata];

    /// <summary>What is drawn, with any decoding method.</summary>
    public IEnumerable<Option> Drawing => _drawing.Options;

    /// <summary>How it is decoded.</summary>
    public Option[] Decoding => [_method, _window, _initialization];

    /// <summary>The options that only some methods have.</summary>
    public IEnumerable<Option> OfMethods => _methodArguments.Options;

    public string? NegativePrompt(ParseResult parsed) => _drawing.NegativePrompt(parsed);

    /// <param name="parsed">The command line.</param>
    /// <param name="output">The file's name, whose extension chooses the format; null or "-" if it chooses none.</param>
    /// <exception cref="CommandException">Two options contradict each other.</exception>
    public ImageOptions Read(ParseResult parsed, string? output)
    {
        var options = new ImageOptions
        {
            Drawing = _drawing.Read(parsed) with
            {
                Window = parsed.GetValue(_window),
                Initialization = parsed.GetValue(_initialization) is string name ? Initialization.Parse(name) : null,
            },
            MethodValues = _methodArguments.Read(parsed),
            Format = FormatOf(parsed, output),
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
    private ImageFormat FormatOf(ParseResult parsed, string? output)
    {
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

    private static string? ComplaintAbout(ImageOptions options) => options switch
    {
        { Format: ImageFormat.Png, File.Quality: int quality } =>
            $"--quality is {quality}, and PNG files are lossless; leave it out, or write jpeg or webp (see --format).",
        { File: { Lossless: true, Quality: int quality } } => $"--quality is {quality} with --lossless; give one of them.",
        { Format: ImageFormat.Jpeg, File.Lossless: true } =>
            "--lossless is given for jpeg, which is always lossy; leave it out, or write png or webp (see --format).",
        _ => null,
    };
}
