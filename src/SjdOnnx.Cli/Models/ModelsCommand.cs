using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Models;

/// <summary><c>sjd models</c>: lists the folders that --model can name. It reads model.json files and opens no graph.</summary>
internal sealed class ModelsCommand : SjdCommand
{
    private readonly Option<bool> _json = CheckedOption.Flag("--json", "Print one JSON array");

    public ModelsCommand()
        : base("models", "Lists the models; show describes one, and compare compares its precisions.")
    {
        Subcommands.Add(new ModelsShowCommand());
        Subcommands.Add(new ModelsCompareCommand());
        Add("Options", _json);
        SetAction(parsed => Run(parsed.GetValue(_json)));
    }

    public override string Notes => """
        Results:
          The model folders that --model can name: those in onnx-models beside the program, in the current folder and
          in those above it.

        Examples:
          sjd models
          sjd models show emoji
          sjd models compare emoji
        """;

    public override string ComplaintAbout(string word) =>
        $"'{word}' is no command of models; it must be show or compare, or nothing for a list.";

    private static int Run(bool json)
    {
        var models = new List<ModelReport>();
        foreach (string folder in ModelLocation.All())
        {
            try
            {
                models.Add(ModelReport.Of(folder, ModelDescription.Read(folder)));
            }
            catch (ModelException error)
            {
                Print.Note($"{folder}: {error.Message}");
            }
        }

        Print.Data(json
            ? JsonSerializer.Serialize(models, ModelReportJson.Default.ListModelReport)
            : TableOf(models).ToText(Print.Width));
        return ExitCode.Done;
    }

    private static TextTable TableOf(List<ModelReport> models)
    {
        var table = new TextTable(
            new("model"), new("family"), new("size"), new("precisions"), new("MB", IsNumber: true), new("license"), new("folder"));
        foreach (ModelReport model in models)
        {
            table.Add(
                model.Name, model.Family, model.Sizes[0], string.Join(' ', model.Precisions),
                model.Megabytes.ToString("0.0", CultureInfo.InvariantCulture), model.License, model.Folder);
        }

        return table;
    }
}
