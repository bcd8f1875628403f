using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
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
        var images = new List<ModelReport>();
        var others = new List<OtherModelReport>();
        foreach (string folder in ModelLocation.All())
        {
            try
            {
                ModelSummary model = ModelSummary.Read(folder);
                if (model.Kind is null)
                    images.Add(ModelReport.Of(folder, ModelDescription.Read(folder)));
                else
                    others.Add(OtherModelReport.Of(folder, model, model.Kind));
            }
            catch (ModelException error)
            {
                Print.Note($"{folder}: {error.Message}");
            }
        }

        Print.Data(json ? ToJson(images, others) : TableOf(images, others).ToText(Print.Width));
        return ExitCode.Done;
    }

    private static string ToJson(List<ModelReport> images, List<OtherModelReport> others) => new JsonArray(
        [
            .. images.Select(model => JsonSerializer.SerializeToNode(model, ModelReportJson.Default.ModelReport)),
            .. others.Select(model => JsonSerializer.SerializeToNode(model, ModelReportJson.Default.OtherModelReport)),
        ]).ToJsonString();

    private static TextTable TableOf(List<ModelReport> images, List<OtherModelReport> others)
    {
        var table = new TextTable(
            new("model"), new("family"), new("command"), new("size"), new("precisions"), new("MB", IsNumber: true), new("license"),
            new("folder"));
        foreach (ModelReport model in images)
        {
            table.Add(
                model.Name, model.Family, "generate", model.Sizes[0], string.Join(' ', model.Precisions), Megabytes(model.Bytes),
                model.License, model.Folder);
        }

        foreach (OtherModelReport model in others)
            table.Add(model.Name, model.Family, model.Command, "", "", Megabytes(model.Bytes), model.License, model.Folder);

        return table;
    }

    private static string Megabytes(long bytes) => (bytes / 1e6).ToString("0.0", CultureInfo.InvariantCulture);
}
