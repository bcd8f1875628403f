using System.CommandLine;
using System.Text.Json;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;
using static System.FormattableString;

namespace SjdOnnx.Cli.Models;

/// <summary><c>sjd models show</c>: prints what a model's model.json says.</summary>
internal sealed class ModelsShowCommand : SjdCommand
{
    private const int MaxSizes = 12;

    private readonly Option<bool> _json = CheckedOption.Flag("--json", "Print one JSON object");

    public ModelsShowCommand()
        : base("show", "Describes a model: what it can do, its defaults and its license.")
    {
        Argument<string?> model = ModelArgument();
        Arguments.Add(model);
        Add("Options", _json);
        SetAction(parsed => Run(parsed.GetValue(model), parsed.GetValue(_json)));
    }

    public override string Notes => """
        Results:
          A property on each line. Prompts are shown as the model reads them: token ids, and text in quotes with its
          placeholders.
        """;

    /// <summary>The model that a command of models is about.</summary>
    public static Argument<string?> ModelArgument() => new("MODEL")
    {
        Description = ModelLocation.Description,
        Arity = ArgumentArity.ZeroOrOne,
    };

    public override string ComplaintAbout(string word) => $"'{word}' is one word too many; show describes one model.";

    private static int Run(string? model, bool json)
    {
        string folder = ModelLocation.Find(model);
        (string document, IEnumerable<(string Name, string? Value)> lines) = ModelSummary.Read(folder).Kind is string kind
            ? SystemReports.Of(folder, kind)
            : OfImages(folder);
        if (json)
        {
            Print.Data(document);
            return ExitCode.Done;
        }

        foreach ((string name, string? value) in lines)
        {
            if (value is not null)
                Print.Data(Printable.Text($"{name}: {value}"));
        }

        return ExitCode.Done;
    }

    private static (string Json, IEnumerable<(string Name, string? Value)> Lines) OfImages(string folder)
    {
        ModelReport report = ModelReport.Of(folder, ModelDescription.Read(folder));
        return (JsonSerializer.Serialize(report, ModelReportJson.Default.ModelReport), Lines(report));
    }

    private static IEnumerable<(string Name, string? Value)> Lines(ModelReport model)
    {
        yield return ("name", model.Name);
        yield return ("family", model.Family);
        yield return ("folder", model.Folder);
        yield return ("license", model.License + (model.CommercialUse ? "" : ", not for commercial use"));
        yield return ("notice", model.LicenseNotice);
        yield return ("sizes", model.Sizes.Count <= MaxSizes
            ? string.Join(", ", model.Sizes)
            : Invariant($"{model.Sizes[0]} and {model.Sizes.Count - 1} more: {string.Join(", ", model.Sizes.Skip(1))}"));
        yield return ("pixels per code", Invariant($"{model.PixelsPerCode}"));
        yield return ("tokens", model.Layout);
        yield return ("layers", Invariant($"{model.Layers}, over {model.Lanes} lanes for each image"));
        yield return ("precisions", string.Join(", ", model.Precisions.Select(
            name => name == model.DefaultPrecision ? $"{name} (default)" : name)));
        yield return ("images in a pass", string.Join(", ", model.Batches));
        yield return ("prompt", model.Prompt +
            (model.MaxPromptTokens is int max ? Invariant($", at most {max} tokens of text") : ""));
        yield return ("unconditional prompt", model.Unconditional);
        yield return ("negative prompt", model.NegativePrompt);
        yield return ("cleaning", model.Cleaning);
        yield return ("sampling", Invariant(
            $"guidance {model.Guidance}, temperature {model.Temperature}, top-k {model.TopK}, top-p {model.TopP}, in this order"));
        string sequential = model is { SequentialFirst: 0, SequentialLast: 0 } ? ""
            : Invariant($", without drafts at the first {model.SequentialFirst} and the last {model.SequentialLast} codes");
        yield return ("decoding", Invariant($"{model.Method}, window {model.Window}, first guess {model.Initialization}{sequential}"));
        yield return ("denoising", model.DenoisingSteps is int steps
            ? Invariant($"fine-tuned to read noise; {steps} step{(steps == 1 ? "" : "s")} by default") : null);
        yield return ("files", Invariant($"{model.Megabytes:0.0} MB"));
    }
}
