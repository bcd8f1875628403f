using System.Buffers.Binary;
using System.CommandLine;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;
using static SjdOnnx.Cli.Terminal.CheckedOption;

namespace SjdOnnx.Cli.Generate;

/// <summary><c>sjd generate</c>: its options and how they become <see cref="GenerateOptions"/>.</summary>
internal sealed class GenerateCommand : SjdCommand
{
    private readonly Option<string?> _output = Text("--output", "FILE",
        "The image file; an existing one is replaced. With --count the images are numbered (fox-0.png, fox-1.png). Use - for standard " +
        "output. Without this option, names are made from the seeds (sjd-00000042.png), and no file is replaced.", "-o");

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

    private readonly Option<int?> _batch = ImagesInPass("4, or less if --count or the model is smaller; 1 with --preview");

    private readonly ImageArguments _image;

    private readonly ModelArguments _model = new();

    private readonly Option<Precision?> _precision = Precision("--precision");

    /// <param name="methods">The decoding methods to choose from.</param>
    public GenerateCommand(DecodingMethods methods)
        : base("generate", "Draws images of a prompt and writes them as PNG, JPEG or WebP files.")
    {
        _image = new ImageArguments(methods, "by the extension of --output, or png");
        Arguments.Add(Prompt);
        Add("Files", [_output, .. _image.File, _preview, _json, _trace]);
        Add("Images", [_seed, _count, _batch, .. _image.Drawing]);
        Add("Decoding", _image.Decoding);
        Add("Options of single decoding methods", _image.OfMethods);
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
        ImageOptions image = _image.Read(parsed, parsed.GetValue(_output));
        var options = new GenerateOptions
        {
            Request = new GenerationRequest
            {
                Prompt = parsed.GetRequiredValue(Prompt),
                NegativePrompt = _image.NegativePrompt(parsed),
                Seed = parsed.GetValue(_seed) ?? DrawSeed(),
            },
            Image = image with { Drawing = image.Drawing with { Trace = parsed.GetValue(_trace) is not null } },
            Output = parsed.GetValue(_output),
            Model = _model.ModelOf(parsed),
            Loading = _model.LoadingOf(parsed) with { Precision = parsed.GetValue(_precision) },
            Count = parsed.GetValue(_count) ?? 1,
            Batch = parsed.GetValue(_batch),
            Trace = parsed.GetValue(_trace),
            Preview = parsed.GetValue(_preview),
            Json = parsed.GetValue(_json),
        };
        return ComplaintAbout(options) is string complaint ? throw new CommandException(ExitCode.Usage, complaint) : options;
    }

    private static string? ComplaintAbout(GenerateOptions options) => options switch
    {
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
