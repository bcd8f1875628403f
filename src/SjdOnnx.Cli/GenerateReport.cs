using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli;

/// <summary>What --json prints.</summary>
/// <param name="Model">The model's name.</param>
/// <param name="Exact">Whether the method draws pictures as the model distributes them.</param>
/// <param name="Seed">Of the first picture.</param>
/// <param name="MethodSettings">What the method looks at beside window and initialisation; null if it is nothing.</param>
/// <param name="Negative">The negative prompt; null where the model reads none.</param>
/// <param name="Cleaning">How the prompt was cleaned before it was read; null for not at all.</param>
/// <param name="Batch">The most pictures that shared a forward pass.</param>
/// <param name="PeakMemory">The most resident memory of the process until now, in bytes; null where the system does not tell.</param>
internal sealed record GenerateReport(
    string Model, string Method, bool Exact, string Provider, string Precision, ulong Seed,
    WindowSize Window, string Initialisation, MethodSettings? MethodSettings,
    float Guidance, float Temperature, int TopK, float TopP, string? Negative, string? Cleaning, int Batch, long? PeakMemory,
    IReadOnlyList<ImageReport> Images)
{
    /// <param name="first">What the first picture was drawn with; the others differ in the seed alone.</param>
    public static GenerateReport Of(ModelDescription model, GenerationSettings first, int batch, IReadOnlyList<ImageReport> images) => new(
        model.Name, first.Method, MethodList.IsExact(first.Method), first.Provider, first.Precision, first.Seed,
        first.Window, first.Initialisation, first.MethodSettings,
        first.Guidance, first.Temperature, first.TopK, first.TopP, first.Negative, first.Cleaning, batch, PeakMemoryNow(), images);

    public string ToJson() => JsonSerializer.Serialize(this, GenerateReportJson.Default.GenerateReport);

    private static long? PeakMemoryNow()
    {
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64 is > 0 and long bytes ? bytes : null;
    }
}

/// <param name="File">As it was named on the command line.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Tokens">Image tokens; row ends do not count.</param>
/// <param name="ForwardPasses">After the prefill.</param>
/// <param name="DraftsPerPass">Judged, in the mean: what a window of auto was.</param>
/// <param name="AcceptedHistogram">Element n: passes that accepted n drafts.</param>
/// <param name="TokenIds">The model's ids of all tokens, row ends among them.</param>
/// <param name="Seconds">Pictures that share a pass are charged equal parts of it.</param>
internal sealed record ImageReport(
    string File, ulong Seed, int Width, int Height, int Tokens, int ForwardPasses, double TokensPerPass, double DraftsPerPass,
    IReadOnlyList<int> AcceptedHistogram, IReadOnlyList<int> TokenIds, GenerationTimings Seconds)
{
    public static ImageReport Of(string file, GeneratedImage image) => new(
        file, image.Settings.Seed, image.Width, image.Height, image.ImageTokens, image.ForwardPasses,
        image.TokensPerPass, image.DraftsPerPass, image.AcceptedHistogram, image.TokenIds, image.Seconds);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(GenerateReport))]
internal sealed partial class GenerateReportJson : JsonSerializerContext;
