using System.CommandLine;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;
using static SjdOnnx.Cli.Terminal.CheckedOption;

namespace SjdOnnx.Cli.Batch;

/// <summary><c>sjd batch</c>: its options and how they become <see cref="BatchOptions"/>.</summary>
internal sealed class BatchCommand : SjdCommand
{
    private readonly SourceArguments _source;

    private readonly Option<string?> _output = Text("--output", "DIR",
        "The folder of the images; it is created. Started again with the same folder, the command draws what is missing (required)", "-o");

    private readonly Option<Shard?> _shard = Of("--shard", "K/N",
        "Draw only every Nth image, beginning with the Kth, as 2/8 for the second of eight machines (default: all images)",
        (string text, out Shard? value) => Shard.TryParse(text, out value)
            ? null
            : $" is '{text}'; it must be a number and a count, such as 2/8, with the number from 1 to the count.");

    private readonly Option<bool> _redraw = Flag("--redraw-changed",
        "Draw images again, over their files, if their lines or the options have changed; otherwise nothing is drawn then");

    private readonly Option<bool> _check = Flag("--check", "Check every line, say what is missing, and draw nothing");

    private readonly Option<string?> _sheet = Of("--sheet", "FILE",
        "Also write a contact sheet: small versions of all images with captions, PNG, JPEG or WebP by the name's extension",
        (string text, out string? value) =>
        {
            value = text;
            return ImageFormats.TryFromPath(text, out _)
                ? null
                : $" is '{text}'; the name must end in {string.Join(", ", ImageFormats.Extensions)}.";
        });

    private readonly Option<int?> _batch = ImagesInPass($"{ModelArguments.UsualBatch}, or less if the model is smaller");

    private readonly ModelArguments _model = new();

    /// <param name="methods">The decoding methods to choose from.</param>
    public BatchCommand(DecodingMethods methods)
        : base("batch", "Draws an image of each line of a file. It can be killed at any moment and goes on when it is started again.")
    {
        _source = new SourceArguments(methods, _model);
        _output.Required = true;
        Arguments.Add(_source.File);
        Add("Files", [_output, .. _source.Naming, _sheet, .. _source.Lines.File]);
        Add("Work", [_source.Format, _source.From, _shard, _redraw, _check, _batch]);
        Add("Images, for lines that say nothing else", _source.Lines.Images);
        Add("Decoding, for lines that say nothing else", _source.Lines.Decoding);
        Add("Options of single decoding methods", _source.Lines.OfMethods);
        Add("Model", [_model.Model, _source.Lines.Precision, .. _model.Runtime]);
        SetAction((parsed, cancellation) => BatchRun.RunAsync(Read(parsed), cancellation));
    }

    public override string Notes => """
        Input:
          Plain text has a prompt on each line. A line of a .jsonl file is a JSON object with prompt, perhaps id, and
          any of the options under Files, Images, Decoding and Model that are not about the whole command, such as
          {"prompt": "a fox", "id": "fox", "seed": 7, "guidance": 4, "size": "128x128"}. A .csv file names the same in
          its first line. Every line is checked before anything is drawn.

        Results:
          The names of the image files go to standard output as they are finished. results.jsonl in the folder has a
          line for each, with its settings and the file's SHA-256. The same input and options give the same bytes,
          however often the command was interrupted, and whatever shards drew them.

        Examples:
          sjd batch prompts.txt -o images --sheet sheet.webp
          sjd batch prompts.jsonl -o images --shard 2/8
          sjd batch --from fox.png -o foxes --guidance 5 --count 10
        """;

    public override string ComplaintAbout(string word) => $"'{word}' is one file too many; batch reads one.";

    private BatchOptions Read(ParseResult parsed) => new()
    {
        Source = _source.Read(parsed),
        Output = parsed.GetValue(_output)!,
        Loading = _model.LoadingOf(parsed),
        Batch = parsed.GetValue(_batch),
        Shard = parsed.GetValue(_shard) ?? Shard.Whole,
        RedrawChanged = parsed.GetValue(_redraw),
        CheckOnly = parsed.GetValue(_check),
        Sheet = parsed.GetValue(_sheet),
    };
}
