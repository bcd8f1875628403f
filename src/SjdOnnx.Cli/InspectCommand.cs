using System.CommandLine;

namespace SjdOnnx.Cli;

/// <summary><c>sjd inspect</c>: its options.</summary>
internal sealed class InspectCommand : Command
{
    /// <summary>What --help says below the options.</summary>
    public const string Notes = $"""
        Output:
          Prompt, seed, options, model and statistics, one a line; for a picture of another program, its text "parameters" as it is.
          With --json one object: file, format, width and height in pixels, "parameters" and "sjdonnx", null where it has none.

        {ExitCode.Table}
        """;

    private readonly Argument<string> _file = new("FILE")
    {
        Description = "A PNG, JPEG or WebP that sjd or a similar program wrote; - for standard input",
    };

    private readonly Option<bool> _json = CheckedOption.Flag("--json", "Print one JSON object");

    public InspectCommand()
        : base("inspect", "Prints how a picture was drawn.")
    {
        _file.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: "" }])
                result.AddError("FILE is empty; it must be the name of a picture.");
        });
        Arguments.Add(_file);
        Options.Add(_json);
        SetAction(parsed => Inspection.Run(parsed.GetRequiredValue(_file), parsed.GetValue(_json)));
    }
}
