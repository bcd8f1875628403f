using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Runtime;
using Spectre.Console;

namespace SjdOnnx.Cli;

/// <summary>What <c>sjd costs</c> does: load, measure unless that was done before, print.</summary>
internal static class CostList
{
    /// <param name="pictures">In a pass.</param>
    /// <param name="again">Whether to measure although it was done before.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="CommandException">There is no such model, or it has no graph of so many pictures.</exception>
    public static async Task<int> RunAsync(
        string? model, TextToImageOptions loading, int pictures, bool again, bool json, CancellationToken cancellation)
    {
        string folder = ModelLocation.Find(model);
        BatchLimit.Check("--batch", pictures, ModelDescription.Read(folder, loading.Precision));
        IProgressDisplay display = IProgressDisplay.ForStandardError();
        using TextToImage textToImage = await display.LoadAsync(
            $"loading {folder}", () => Task.Run(() => TextToImage.Load(folder, loading)));
        PassCostTable table = await display.LoadAsync("measuring", () => textToImage.MeasurePassCostsAsync(pictures, again, cancellation));

        Print.Note(Summary(textToImage.Model.Name, table));
        Print.Data(json
            ? JsonSerializer.Serialize(table, PassCostTableJson.Default.PassCostTable)
            : ToText(table, Console.IsOutputRedirected ? null : Console.WindowWidth));
        return ExitCode.Done;
    }

    private static string Summary(string model, PassCostTable table)
    {
        string what = string.Create(CultureInfo.InvariantCulture,
            $"{model} at {table.Precision}, {table.Provider}, {table.Threads} threads, {table.Pictures} in a pass, {table.Processor}: ");
        string when = table.WasKept ? "measured before" : "measured now";
        return what + (table.File is null ? $"{when}, kept nowhere." : $"{when}, kept in {table.File}.");
    }

    private static string ToText(PassCostTable table, int? width)
    {
        Table text = TextTable.Of(("drafts", Justify.Right), ("ms per pass", Justify.Right), ("x 0 drafts", Justify.Right));
        foreach (PassCost cost in table.Costs)
        {
            TextTable.Add(text, cost.Drafts.ToString(CultureInfo.InvariantCulture),
                (1000 * cost.Seconds).ToString("0.00", CultureInfo.InvariantCulture),
                (cost.Seconds / table.Costs[0].Seconds).ToString("0.00", CultureInfo.InvariantCulture));
        }

        return TextTable.Render(text, width);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(PassCostTable))]
internal sealed partial class PassCostTableJson : JsonSerializerContext;
