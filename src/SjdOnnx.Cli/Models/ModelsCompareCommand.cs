using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;
using static System.FormattableString;

namespace SjdOnnx.Cli.Models;

/// <summary><c>sjd models compare</c>: measures how far each precision is from the finest one.</summary>
internal sealed class ModelsCompareCommand : SjdCommand
{
    // All kinds of models read it, those that draw classes too.
    private const string UsualPrompt = "7";

    private readonly Argument<string?> _model = ModelsShowCommand.ModelArgument();

    private readonly Option<string?> _prompt = CheckedOption.Text("--prompt", "TEXT", $"What the image shows (default: {UsualPrompt})");

    private readonly Option<bool> _json = CheckedOption.Flag("--json", "Print one JSON array");

    private readonly ModelArguments _arguments = new();

    public ModelsCompareCommand()
        : base("compare", "Compares the logits of each precision with those of the finest one.")
    {
        Arguments.Add(_model);
        Add("Measurement", _prompt);
        Add("Model", _arguments.Runtime);
        Add("Output", _json);
        SetAction(RunAsync);
    }

    public override string Notes => """
        Results:
          The finest precision draws an image, and each other one reads it. A line for each precision has the error
          of its guided logits, relative (root mean square) and largest; the Kullback-Leibler divergence of its
          probabilities, in nats per code; and the share of codes for which both precisions find the same code most
          probable.
        """;

    public override string ComplaintAbout(string word) => $"'{word}' is one word too many; compare compares the precisions of one model.";

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        TextToImageOptions loading = _arguments.LoadingOf(parsed);
        string folder = ModelLocation.Find(parsed.GetValue(_model));
        var request = new GenerationRequest { Prompt = parsed.GetValue(_prompt) ?? UsualPrompt, Seed = 1 };
        IReadOnlyList<PrecisionError> errors = await IProgressDisplay.ForStandardError().WaitAsync("comparing", () => Task.Run(
            () => PrecisionError.Measure(folder, request, options: null, loading, cancellation), cancellation));
        Print.Data(parsed.GetValue(_json)
            ? JsonSerializer.Serialize([.. errors.Select(PrecisionReport.Of)], PrecisionReportJson.Default.PrecisionReportArray)
            : TableOf(errors).ToText(Print.Width));
        return ExitCode.Done;
    }

    private static TextTable TableOf(IReadOnlyList<PrecisionError> errors)
    {
        var table = new TextTable(
            new("precision"), new("relative error", IsNumber: true), new("largest error", IsNumber: true),
            new("nats per code", IsNumber: true), new("same most probable", IsNumber: true));
        foreach (PrecisionError error in errors)
        {
            table.Add(
                error.Precision.Name, Invariant($"{error.Relative:0.00 %}"), Invariant($"{error.Max:0.0000}"),
                Invariant($"{error.Divergence:0.0000}"), Invariant($"{error.Agreement:0.0 %}"));
        }

        return table;
    }
}

/// <summary>An element of what models compare --json prints; see <see cref="PrecisionError"/>.</summary>
internal sealed record PrecisionReport(string Precision, double Relative, double Max, double Divergence, double Agreement)
{
    public static PrecisionReport Of(PrecisionError error) =>
        new(error.Precision.Name, error.Relative, error.Max, error.Divergence, error.Agreement);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(PrecisionReport[]))]
internal sealed partial class PrecisionReportJson : JsonSerializerContext;
