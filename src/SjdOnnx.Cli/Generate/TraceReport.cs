using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using SjdOnnx.Runtime;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Cli.Generate;

/// <summary>The file of generate --trace: how an image settles, pass by pass.</summary>
/// <param name="ModelHash">SHA-256 of model.json.</param>
/// <param name="MethodOptions">The options that only this method has, by name; null if it has none.</param>
/// <param name="Rows">Of codes; a code is a square of pixels.</param>
/// <param name="Columns">Of codes.</param>
/// <param name="Passes">After the prefill, and then after each forward pass.</param>
/// <param name="Codes">The finished image, row by row.</param>
internal sealed record TraceReport(
    int Format, string Model, string ModelHash, string Prompt, ulong Seed, string Method, JsonObject? MethodOptions, WindowSize Window,
    int Rows, int Columns, IReadOnlyList<PassTrace> Passes, IReadOnlyList<int> Codes)
{
    /// <param name="data">How the image was drawn.</param>
    /// <param name="image">An image with a trace.</param>
    public static TraceReport Of(GenerationData data, GeneratedImage image) => new(
        Format: 2, data.Model.Name, data.Model.Sha256, data.Request.Prompt, data.Request.Seed, data.Request.Method,
        data.Request.MethodOptions, data.Request.Window,
        image.Height / image.Model.PixelsPerCode, image.Width / image.Model.PixelsPerCode, image.Trace!, image.Codes);

    public string ToJson() => JsonSerializer.Serialize(this, TraceReportJson.Default.TraceReport);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(TraceReport))]
internal sealed partial class TraceReportJson : JsonSerializerContext;
