using System.CommandLine;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Methods;
using static SjdOnnx.Cli.Terminal.CheckedOption;

namespace SjdOnnx.Cli.Batch;

/// <summary>The options about where images come from and what their files are called: those of batch and of submit.</summary>
internal sealed class SourceArguments
{
    private static readonly (string Name, InputFormat Format)[] Formats =
    [
        ("lines", InputFormat.Lines), ("jsonl", InputFormat.JsonLines), ("csv", InputFormat.Csv), ("tsv", InputFormat.Tsv),
    ];

    private readonly Option<string?> _format = OneOf(
        "--input", "How the input is written", [.. Formats.Select(format => format.Name)], "by its name or its first character");

    private readonly Option<string?> _from = Text("--from", "IMAGE",
        "Take the prompt and all settings from an image's metadata, for lines and options that say nothing else; without an input, it " +
        "is drawn again");

    private readonly Option<string?> _name = Of("--name", "TEMPLATE",
        "Names of the image files without their extension, with the placeholders {index}, {id} and {seed} (default: {index}, and -{id} " +
        "for lines with an id)",
        (string text, out string? value) =>
        {
            value = text;
            return text.Length == 0 ? " is empty; it must have {index}, {id} or {seed}." : BatchNames.ComplaintAboutTemplate(text);
        });

    /// <param name="methods">The decoding methods to choose from.</param>
    /// <param name="model">Of the command.</param>
    public SourceArguments(DecodingMethods methods, ModelArguments model) => Lines = new LineArguments(methods, model);

    public Argument<string?> File { get; } = new("FILE")
    {
        Description = "The prompts: plain text, .jsonl, .csv or .tsv; - is standard input",
        Arity = ArgumentArity.ZeroOrOne,
    };

    public Option Format => _format;

    public Option From => _from;

    public Option[] Naming => [_name];

    public LineArguments Lines { get; }

    /// <exception cref="CommandException">There is neither a file nor an image.</exception>
    public BatchSource Read(ParseResult parsed)
    {
        (string? file, string? from) = (parsed.GetValue(File), parsed.GetValue(_from));
        if (file is null && from is null)
            throw new CommandException(ExitCode.Usage, "There is no FILE; give a file of prompts, - for standard input, or --from IMAGE.");
        return new BatchSource(Lines)
        {
            File = file,
            From = from,
            Format = parsed.GetValue(_format) is string name ? Formats.First(format => format.Name == name).Format : null,
            Given = Lines.GivenOn(parsed),
            NameTemplate = parsed.GetValue(_name),
        };
    }
}
