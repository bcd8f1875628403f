using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;
using static System.FormattableString;
using static SjdOnnx.Cli.Terminal.CheckedOption;

namespace SjdOnnx.Cli.Costs;

/// <summary><c>sjd costs</c>: loads a model, measures its forward passes unless that was done before, and prints what they cost.</summary>
internal sealed class CostsCommand : SjdCommand
{
    private readonly ModelArguments _model = new();

    private readonly Option<Precision?> _precision = Precision("--precision");

    private readonly Option<int?> _batch = Number<int>("--batch", "N", "Images in a pass",
        "a whole number from 1 to 64", "1", static n => n is >= 1 and <= 64);

    private readonly Option<bool> _measure = Flag("--measure",
        "Measure again and keep the new table, for example because the machine was busy the first time");

    private readonly Option<bool> _json = Flag("--json", "Print one JSON object; times are in seconds");

    public CostsCommand()
        : base("costs", "Prints how long a forward pass takes on this machine.")
    {
        Add("Measurement", _batch, _measure);
        Add("Model", [_model.Model, _precision, .. _model.Runtime]);
        Add("Output", _json);
        SetAction(RunAsync);
    }

    public override string Notes => """
        Results:
          The time of a forward pass by the number of drafts in it. --window auto uses these times. They are measured
          once for each model, precision, provider, number of threads and number of images in a pass, and kept in a
          file whose path is printed to standard error. The environment variable SJDONNX_CACHE names another folder
          for such files; the value off keeps none.
        """;

    public override string ComplaintAbout(string word) => $"'{word}' is one word too many; costs takes only options.";

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        int images = parsed.GetValue(_batch) ?? 1;
        TextToImageOptions loading = _model.LoadingOf(parsed) with { Precision = parsed.GetValue(_precision), ExpectedBatch = images };
        string folder = ModelLocation.Find(_model.ModelOf(parsed));
        ModelArguments.CheckBatch("--batch", images, ModelDescription.Read(folder, loading.Precision));
        IProgressDisplay display = IProgressDisplay.ForStandardError();
        await using TextToImage textToImage = await ModelArguments.LoadAsync(folder, loading, display, cancellation);
        PassCostTable table = await display.WaitAsync(
            "measuring", () => textToImage.MeasurePassCostsAsync(images, parsed.GetValue(_measure), cancellation));

        string when = table.WasKept ? "measured before" : "measured now";
        string where = table.File is null ? "not kept in a file" : $"kept in {table.File}";
        Print.Note(Invariant($"{textToImage.Model.Name} at {table.Precision}, {table.Provider.Name()}, {table.Threads} threads, ") +
            (table.Groups == 1 ? "" : Invariant($"each pass in {table.Groups} parts side by side, ")) +
            Invariant($"{table.Images} in a pass, {table.Processor}: {when}, {where}."));
        Print.Data(parsed.GetValue(_json)
            ? JsonSerializer.Serialize(CostsReport.Of(table), CostsReportJson.Default.CostsReport)
            : TableOf(table).ToText(Print.Width));
        return ExitCode.Done;
    }

    private static TextTable TableOf(PassCostTable table)
    {
        var text = new TextTable(new("drafts", IsNumber: true), new("ms per pass", IsNumber: true), new("x 0 drafts", IsNumber: true));
        foreach ((int drafts, TimeSpan duration) in table.Costs)
        {
            double factor = duration / table.Costs[0].Duration;
            text.Add(Invariant($"{drafts}"), Invariant($"{duration.TotalMilliseconds:F2}"), Invariant($"{factor:F2}"));
        }

        return text;
    }
}

/// <summary>What costs --json prints; see <see cref="PassCostTable"/>.</summary>
internal sealed record CostsReport(
    string Precision, string Provider, int Threads, int Groups, int Images, string Processor, int Processors, string OnnxRuntime,
    IReadOnlyList<CostReport> Costs, bool WasKept, string? File)
{
    public static CostsReport Of(PassCostTable table) => new(
        table.Precision.Name, table.Provider.Name(), table.Threads, table.Groups, table.Images, table.Processor, table.Processors,
        table.OnnxRuntime, CostReport.Of(table), table.WasKept, table.File);
}

/// <param name="Drafts">Drafts of each image.</param>
/// <param name="Seconds">Of a pass.</param>
internal sealed record CostReport(int Drafts, double Seconds)
{
    public static IReadOnlyList<CostReport> Of(PassCostTable table) =>
        [.. table.Costs.Select(cost => new CostReport(cost.Drafts, cost.Duration.TotalSeconds))];
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(CostsReport))]
internal sealed partial class CostsReportJson : JsonSerializerContext;
