using System.CommandLine;

namespace SjdOnnx.Cli;

/// <summary><c>sjd models</c>: its options, and the command <c>show</c> below it.</summary>
internal sealed class ModelsCommand : Command
{
    /// <summary>What --help says below the options.</summary>
    public const string Notes = $"""
        Output:
          models lists the model folders that --model can name: those in onnx-models beside the program, in the current folder and in those
          above it. models show tells what one of them can draw and how, and its licence. models compare draws a picture with the finest
          precision, has each of the others read it, and tells how far its guided logits are from the finest one's: relative and largest error,
          divergence of the probabilities in nats a code, and how often both find the same code the most probable. With --json one array or
          one object.

        {ExitCode.Table}

        Examples:
          sjd models
          sjd models show emoji
          sjd models compare emoji
        """;

    private readonly Option<bool> _json = CheckedOption.Flag("--json", "Print one JSON array");

    public ModelsCommand()
        : base("models", "Lists the models that are there; show tells about one, compare about its precisions.")
    {
        Options.Add(_json);
        Subcommands.Add(new ModelsShowCommand());
        Subcommands.Add(new ModelsCompareCommand());
        SetAction(parsed => ModelList.Run(parsed.GetValue(_json)));
    }
}

/// <summary><c>sjd models show</c>: its options.</summary>
internal sealed class ModelsShowCommand : Command
{
    private readonly Argument<string?> _model = new("MODEL")
    {
        Description = $"Model folder; a name stands for onnx-models/NAME [default: {ModelLocation.DefaultName}]",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<bool> _json = CheckedOption.Flag("--json", "Print one JSON object");

    public ModelsShowCommand()
        : base("show", "Tells what a model can draw and how, and its licence.")
    {
        Arguments.Add(_model);
        Options.Add(_json);
        SetAction(parsed => ModelList.Show(parsed.GetValue(_model), parsed.GetValue(_json)));
    }
}

/// <summary><c>sjd models compare</c>: its options.</summary>
internal sealed class ModelsCompareCommand : Command
{
    private readonly Argument<string?> _model = new("MODEL")
    {
        Description = $"Model folder; a name stands for onnx-models/NAME [default: {ModelLocation.DefaultName}]",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> _prompt = CheckedOption.Text("--prompt", "", "TEXT", $"What the picture shows [default: {PrecisionList.UsualPrompt}]");

    private readonly Option<bool> _json = CheckedOption.Flag("--json", "Print one JSON array");

    private readonly ModelArguments _arguments = new();

    public ModelsCompareCommand()
        : base("compare", "Tells how far each precision's logits are from the finest one's.")
    {
        Arguments.Add(_model);
        foreach (Option option in (Option[])[_prompt, .. _arguments.Runtime, _json])
            Options.Add(option);
        SetAction((parsed, cancellation) => PrecisionList.RunAsync(
            parsed.GetValue(_model), _arguments.LoadingOf(parsed), parsed.GetValue(_prompt) ?? PrecisionList.UsualPrompt, parsed.GetValue(_json), cancellation));
    }
}
