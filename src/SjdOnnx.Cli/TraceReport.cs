using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli;

/// <summary>What generate --trace writes: how a picture settled, pass by pass.</summary>
/// <param name="Rows">Of codes; a code is a square of pixels.</param>
/// <param name="DenoisingSteps">Null but for a method that reads noise.</param>
/// <param name="Passes">After the prefill, then after each forward pass.</param>
/// <param name="Picture">The finished picture's codes.</param>
internal sealed record TraceReport(
    int Format, string Model, string ModelHash, string Prompt, ulong Seed, string Method, WindowSize Window, int? DenoisingSteps, int Rows, int Columns,
    IReadOnlyList<PassTrace> Passes, IReadOnlyList<int> Picture)
{
    /// <param name="image">With a trace.</param>
    public static TraceReport Of(ModelDescription model, GeneratedImage image) => new(
        Format: 1, model.Name, model.Hash, image.Settings.Prompt, image.Settings.Seed, image.Settings.Method, image.Settings.Window,
        image.Settings.MethodSettings?.DenoisingSteps, image.Height / model.PixelsPerCode, image.Width / model.PixelsPerCode,
        image.Trace!, image.Codes);

    public string ToJson() => JsonSerializer.Serialize(this, TraceReportJson.Default.TraceReport);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(TraceReport))]
internal sealed partial class TraceReportJson : JsonSerializerContext;
