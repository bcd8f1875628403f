using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Runtime;
using Spectre.Console;
using static System.FormattableString;

namespace SjdOnnx.Cli;

/// <summary>What <c>sjd models</c> does: look where --model would, read each model.json, print. No graph is opened.</summary>
internal static class ModelList
{
    private const int MostSizes = 12;

    /// <returns>The exit code.</returns>
    public static int Run(bool json)
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

        if (json)
            Print.Data(JsonSerializer.Serialize(models, ModelReportJson.Default.ListModelReport));
        else
            Print.Data(ToText(models, Console.IsOutputRedirected ? null : Console.WindowWidth));
        return ExitCode.Done;
    }

    /// <param name="model">A path or a name; null for the built-in model.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="CommandException">There is no such model.</exception>
    /// <exception cref="ModelException">The folder is not a whole model.</exception>
    public static int Show(string? model, bool json)
    {
        string folder = ModelLocation.Find(model);
        ModelReport report = ModelReport.Of(folder, ModelDescription.Read(folder));
        if (json)
        {
            Print.Data(JsonSerializer.Serialize(report, ModelReportJson.Default.ModelReport));
            return ExitCode.Done;
        }

        foreach ((string name, string? value) in Lines(report))
        {
            if (value is not null)
                Print.Data(Printable.Text($"{name}: {value}"));
        }

        return ExitCode.Done;
    }

    private static string ToText(List<ModelReport> models, int? width)
    {
        Table table = TextTable.Of(
            ("model", Justify.Left), ("family", Justify.Left), ("size", Justify.Left), ("precisions", Justify.Left), ("MB", Justify.Right),
            ("licence", Justify.Left), ("folder", Justify.Left));
        foreach (ModelReport model in models)
        {
            TextTable.Add(table, model.Name, model.Family, model.Sizes[0], string.Join(' ', model.Precisions), Megabytes(model), model.License, model.Folder);
        }

        return TextTable.Render(table, width);
    }

    private static IEnumerable<(string Name, string? Value)> Lines(ModelReport model)
    {
        yield return ("name", model.Name);
        yield return ("family", model.Family);
        yield return ("folder", model.Folder);
        yield return ("licence", model.License + (model.CommercialUse ? "" : ", not for commercial use"));
        yield return ("notice", model.LicenseNotice);
        yield return ("sizes", model.Sizes.Count <= MostSizes
            ? string.Join(", ", model.Sizes)
            : Invariant($"{model.Sizes[0]} and {model.Sizes.Count - 1} more: {string.Join(", ", model.Sizes.Skip(1))}"));
        yield return ("pixels per code", Invariant($"{model.PixelsPerCode}"));
        yield return ("tokens", model.Layout);
        yield return ("layers", Invariant($"{model.Layers}, over {model.Lanes} lanes for each picture"));
        yield return ("precisions", string.Join(", ", model.Precisions.Select(name => name == model.DefaultPrecision ? $"{name} (default)" : name)));
        yield return ("pictures in a pass", string.Join(", ", model.Batches));
        yield return ("prompt", model.MaxPromptTokens is int most ? Invariant($"{model.Prompt}, at most {most} tokens of text") : model.Prompt);
        yield return ("unconditional", model.Unconditional);
        yield return ("negative prompt", model.Negative);
        yield return ("cleaning", model.Cleaning);
        yield return ("sampling", Invariant(
            $"guidance {model.Guidance}, temperature {model.Temperature}, top-k {model.TopK}, top-p {model.TopP}, in this order"));
        string sequential = model is { SequentialFirst: 0, SequentialLast: 0 } ? ""
            : Invariant($", without drafts at the first {model.SequentialFirst} and the last {model.SequentialLast} codes");
        yield return ("decoding", Invariant($"{model.Method}, window {model.Window}, first guess {model.Initialisation}{sequential}"));
        yield return ("denoising", model.DenoisingSteps is int steps
            ? Invariant($"reads noise (the method sjd2); {steps} step{(steps == 1 ? "" : "s")} unless told otherwise") : null);
        yield return ("files", Invariant($"{Megabytes(model)} MB"));
    }

    private static string Megabytes(ModelReport model) => (model.Bytes / 1e6).ToString("0.0", CultureInfo.InvariantCulture);
}

/// <summary>What models show --json prints.</summary>
/// <param name="License">SPDX identifier, or a name where there is none.</param>
/// <param name="Layout">The ids of codes, and those that end rows and pictures.</param>
/// <param name="SequentialFirst">Codes at the beginning that are drawn without drafts.</param>
/// <param name="SequentialLast">Codes at the end.</param>
/// <param name="DenoisingSteps">Of the method sjd2; null where the model does not read noise.</param>
/// <param name="MaxPromptTokens">Null where a prompt is the number of a class.</param>
/// <param name="Prompt">Token ids, and text in quotes with its placeholders.</param>
/// <param name="Negative">Null where the model reads no negative prompt.</param>
/// <param name="Bytes">Of all files.</param>
internal sealed record ModelReport(
    string Name, string Family, string Folder, string License, string LicenseNotice, bool CommercialUse,
    IReadOnlyList<string> Sizes, int PixelsPerCode, int Codes, string Layout, int Layers, int Lanes,
    IReadOnlyList<string> Precisions, string DefaultPrecision, IReadOnlyList<int> Batches,
    string Prompt, string Unconditional, int? MaxPromptTokens, string? Negative, string? Cleaning,
    float Guidance, float Temperature, int TopK, float TopP, string Method, WindowSize Window, string Initialisation,
    int SequentialFirst, int SequentialLast, int? DenoisingSteps, long Bytes)
{
    public static ModelReport Of(string folder, ModelDescription model) => new(
        model.Name, model.Family, folder, model.License, model.LicenseNotice, model.AllowsCommercialUse,
        [.. model.Sizes.Select(size => size.ToString())], model.PixelsPerCode, model.Codes, model.LayoutForm, model.Layers, model.Lanes,
        model.Precisions, model.Precision, model.Batches,
        model.PromptForm, model.UnconditionalForm, model.MaxPromptTokens, model.DefaultNegative, model.Cleaning,
        model.DefaultGuidance, model.DefaultTemperature, model.DefaultTopK, model.DefaultTopP,
        model.DefaultMethod, model.DefaultWindow, model.DefaultInitialisation, model.Sequential.First, model.Sequential.Last,
        model.DefaultDenoisingSteps, model.Bytes);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ModelReport))]
[JsonSerializable(typeof(List<ModelReport>))]
internal sealed partial class ModelReportJson : JsonSerializerContext;
