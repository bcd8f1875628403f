using System.CommandLine;
using static SjdOnnx.Cli.CheckedOption;

namespace SjdOnnx.Cli;

/// <summary><c>sjd costs</c>: its options.</summary>
internal sealed class CostsCommand : Command
{
    /// <summary>What --help says below the options.</summary>
    public const string Notes = $"""
        Output:
          How long a forward pass takes on this machine by the drafts in it, which is what --window auto goes by. The table is measured
          once for each model, precision, provider, number of threads and pictures in a pass, and kept in a file, whose name is told on
          standard error; the environment variable SJDONNX_CACHE names another folder for it, or says off. With --json one object.

        {ExitCode.Table}
        """;

    private readonly ModelArguments _model = new();

    private readonly Option<string?> _precision = Text("--precision", "", "NAME",
        $"Which of the model's transformers to run, such as fp32 or int8 [default: {TheModels}]");

    private readonly Option<int?> _batch = Number<int>("--batch", "N", "Pictures in a pass",
        "a whole number from 1 to 64", "1", n => n is >= 1 and <= 64);

    private readonly Option<bool> _measure = Flag("--measure",
        "Measure again, as after a time when the machine was busy, and keep the new table");

    private readonly Option<bool> _json = Flag("--json", "Print one JSON object; times are in seconds");

    public CostsCommand()
        : base("costs", "Prints what a forward pass costs on this machine.")
    {
        foreach (Option option in (Option[])[_model.Model, _precision, _batch, _measure, .. _model.Runtime, _json])
            Options.Add(option);

        SetAction((parsed, cancellation) => CostList.RunAsync(
            _model.ModelOf(parsed), _model.LoadingOf(parsed) with { Precision = parsed.GetValue(_precision) },
            parsed.GetValue(_batch) ?? 1, parsed.GetValue(_measure), parsed.GetValue(_json), cancellation));
    }
}
