using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using SjdOnnx.Runtime;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Cli.Generate;

/// <summary>What generate --json prints.</summary>
/// <param name="Exact">Whether images are distributed as those of autoregressive decoding.</param>
/// <param name="Seed">The first image's.</param>
/// <param name="MethodOptions">The options that only this method has, by name; null if it has none.</param>
/// <param name="NegativePrompt">Null if the model reads none.</param>
/// <param name="Cleaning">The rules by which the prompt was cleaned; null for none.</param>
/// <param name="Batch">The most images that shared a pass.</param>
/// <param name="PeakMemory">The process's peak resident memory until now, in bytes; null if the system does not report it.</param>
/// <param name="Images">In the order of their seeds.</param>
internal sealed record GenerateReport(
    string Model, string Method, bool Exact, string Provider, string Precision, ulong Seed,
    WindowSize Window, string Initialization, JsonObject? MethodOptions,
    float Guidance, float Temperature, int TopK, float TopP, string? NegativePrompt, string? Cleaning, int Batch, long? PeakMemory,
    IReadOnlyList<ImageReport> Images)
{
    /// <param name="data">How one of the images was drawn; the others differ in the seed alone.</param>
    public static GenerateReport Of(GenerationData data, ulong seed, int batch, IReadOnlyList<ImageReport> images)
    {
        DrawnRequest request = data.Request;
        return new(
            data.Model.Name, request.Method, request.Exact, data.Provider, data.Model.Precision, seed,
            request.Window, request.Initialization, request.MethodOptions,
            request.Guidance, request.Temperature, request.TopK, request.TopP, request.NegativePrompt, request.Cleaning,
            batch, PeakMemoryNow(), images);
    }

    public string ToJson() => JsonSerializer.Serialize(this, GenerateReportJson.Default.GenerateReport);

    /// <summary>The process's peak resident memory until now, in bytes; null if the system does not report it.</summary>
    public static long? PeakMemoryNow()
    {
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64 is > 0 and long bytes ? bytes : null;
    }
}

/// <param name="File">The name on the command line, or the one that was made from the seed.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Tokens">Image tokens, without those that end rows.</param>
/// <param name="ForwardPasses">Not counting the prefill.</param>
/// <param name="DraftsPerPass">The mean number of drafts that these passes judged.</param>
/// <param name="AcceptedHistogram">Element n: passes that accepted n drafts.</param>
/// <param name="TokenIds">The model's ids of all tokens, those that end rows included.</param>
/// <param name="Seconds">Images that share a pass are each charged an equal part of it.</param>
internal sealed record ImageReport(
    string File, ulong Seed, int Width, int Height, int Tokens, int ForwardPasses, double TokensPerPass, double DraftsPerPass,
    IReadOnlyList<int> AcceptedHistogram, IReadOnlyList<int> TokenIds, SecondsReport Seconds)
{
    public static ImageReport Of(string file, GeneratedImage image) => new(
        file, image.Settings.Seed, image.Width, image.Height, image.ImageTokens, image.ForwardPasses,
        image.TokensPerPass, image.DraftsPerPass, image.AcceptedHistogram, image.TokenIds, SecondsReport.Of(image.Timings));
}

/// <summary><see cref="GenerationTimings"/> in seconds.</summary>
internal sealed record SecondsReport(double Load, double Prefill, double Decode, double Image, double Run, double Elapsed)
{
    public static SecondsReport Of(GenerationTimings timings) => new(
        timings.Load.TotalSeconds, timings.Prefill.TotalSeconds, timings.Decode.TotalSeconds, timings.Image.TotalSeconds,
        timings.Run.TotalSeconds, timings.Elapsed.TotalSeconds);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(GenerateReport))]
internal sealed partial class GenerateReportJson : JsonSerializerContext;
