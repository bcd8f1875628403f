using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Runtime;
using Spectre.Console;

namespace SjdOnnx.Cli;

/// <summary>What <c>sjd models compare</c> does: measure and print.</summary>
internal static class PrecisionList
{
    /// <summary>Read by models of any kind, those that draw classes too.</summary>
    public const string UsualPrompt = "7";

    /// <returns>The exit code.</returns>
    /// <exception cref="CommandException">There is no such model.</exception>
    public static async Task<int> RunAsync(string? model, TextToImageOptions loading, string prompt, bool json, CancellationToken cancellation)
    {
        string folder = ModelLocation.Find(model);
        IProgressDisplay display = IProgressDisplay.ForStandardError();
        IReadOnlyList<PrecisionError> errors = await display.LoadAsync("comparing", () => Task.Run(
            () => PrecisionError.Measure(folder, new GenerationRequest { Prompt = prompt, Seed = 1 }, loading, cancellation), cancellation));
        Print.Data(json
            ? JsonSerializer.Serialize(errors, PrecisionErrorJson.Default.IReadOnlyListPrecisionError)
            : ToText(errors, Console.IsOutputRedirected ? null : Console.WindowWidth));
        return ExitCode.Done;
    }

    private static string ToText(IReadOnlyList<PrecisionError> errors, int? width)
    {
        Table table = TextTable.Of(
            ("precision", Justify.Left), ("relative error", Justify.Right), ("largest", Justify.Right),
            ("nats a code", Justify.Right), ("same most probable", Justify.Right));
        foreach (PrecisionError error in errors)
        {
            TextTable.Add(table, error.Precision, Text(error.Relative, "0.00 %"), Text(error.Largest, "0.0000"),
                Text(error.Divergence, "0.0000"), Text(error.Agreement, "0.0 %"));
        }

        return TextTable.Render(table, width);
    }

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(IReadOnlyList<PrecisionError>))]
internal sealed partial class PrecisionErrorJson : JsonSerializerContext;
