using System.Text.Json.Serialization;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;
using SjdOnnx.Server.Drawing;
using SjdOnnx.Server.Models;

namespace SjdOnnx.Server.Page;

/// <summary>What the page needs to know to offer choices.</summary>
internal sealed record ServerDescription(string DefaultModel, ModelChoice[] Models, int MaxImages, int MaxPromptLength, string Version);

/// <param name="Guidance">The default; null if the model has no guidance.</param>
/// <param name="NegativePrompt">The default; null if the model reads no negative prompt.</param>
internal sealed record ModelChoice(
    string Name, string[] Sizes, MethodChoice[] Methods, string DefaultMethod, float? Guidance, float Temperature, string? NegativePrompt,
    string License, int PixelsPerCode)
{
    public static ModelChoice Of(PooledModel pooled)
    {
        ModelDescription model = pooled.Description;
        return new ModelChoice(
            pooled.Name, [.. model.Sizes.Select(static size => size.ToString())],
            [.. DecodingMethods.BuiltIn.All.Where(model.Supports).Select(MethodChoice.Of)], model.DefaultMethod.Name,
            model.Lanes > 1 ? model.DefaultGuidance : null, model.DefaultTemperature, model.DefaultNegativePrompt, model.License,
            model.PixelsPerCode);
    }
}

internal sealed record MethodChoice(string Name, string Summary, bool IsExact)
{
    public static MethodChoice Of(MethodDescriptor method) => new(method.Name, method.Summary, method.IsExact);
}

/// <summary>An image after a forward pass.</summary>
internal sealed record ProgressEvent(int Index, int Tokens, int TotalTokens, int Passes, double Seconds);

/// <summary>An image so far.</summary>
/// <param name="Height">Pixel rows from the top that are drawn.</param>
/// <param name="Image">A WebP file in base64.</param>
internal sealed record PreviewEvent(int Index, int Height, byte[] Image);

/// <summary>A finished image.</summary>
/// <param name="Seed">As text, because a browser's numbers are too short for it.</param>
/// <param name="Image">The file in base64.</param>
internal sealed record CompletedEvent(
    int Index, string Seed, string Model, string Method, int Width, int Height, int Tokens, int Passes, double TokensPerPass,
    double Seconds, string MediaType, byte[] Image, IReadOnlyList<string> Notes)
{
    public static CompletedEvent Of(int index, DrawingRequest request, GeneratedImage image) => new(
        index, FormattableString.Invariant($"{image.Settings.Seed}"), request.Model.Name, image.Settings.Method.Descriptor.Name,
        image.Width, image.Height, image.ImageTokens, image.ForwardPasses, image.TokensPerPass, image.Timings.Elapsed.TotalSeconds,
        "image/png", image.Encode(), request.Notes);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ServerDescription))]
[JsonSerializable(typeof(ProgressEvent))]
[JsonSerializable(typeof(PreviewEvent))]
[JsonSerializable(typeof(CompletedEvent))]
internal sealed partial class PageJson : JsonSerializerContext;
