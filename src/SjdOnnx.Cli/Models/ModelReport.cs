using System.Text.Json.Serialization;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Models;

/// <summary>What models show --json prints; see <see cref="ModelDescription"/>.</summary>
/// <param name="License">SPDX identifier, or a name if there is none.</param>
/// <param name="Layout">The ids of codes, and those that end rows and images.</param>
/// <param name="Prompt">Token ids, and text in quotes with its placeholders.</param>
/// <param name="MaxPromptTokens">Null if a prompt is the number of a class.</param>
/// <param name="NegativePrompt">The default; null if the model reads no negative prompt.</param>
/// <param name="SequentialFirst">Codes at the beginning that are drawn without drafts.</param>
/// <param name="SequentialLast">Codes at the end that are drawn without drafts.</param>
/// <param name="DenoisingSteps">Null if the model was not fine-tuned to read noise.</param>
/// <param name="Bytes">Of all files.</param>
internal sealed record ModelReport(
    string Name, string Family, string Folder, string License, string LicenseNotice, bool CommercialUse,
    IReadOnlyList<string> Sizes, int PixelsPerCode, int Codes, string Layout, int Layers, int Lanes,
    IReadOnlyList<string> Precisions, string DefaultPrecision, IReadOnlyList<int> Batches,
    string Prompt, string Unconditional, int? MaxPromptTokens, string? NegativePrompt, string? Cleaning,
    float Guidance, float Temperature, int TopK, float TopP, string Method, WindowSize Window, string Initialization,
    int SequentialFirst, int SequentialLast, int? DenoisingSteps, long Bytes)
{
    [JsonIgnore]
    public double Megabytes => Bytes / 1e6;

    public static ModelReport Of(string folder, ModelDescription model) => new(
        model.Name, model.Family, folder, model.License, model.LicenseNotice, model.AllowsCommercialUse,
        [.. model.Sizes.Select(size => size.ToString())], model.PixelsPerCode, model.Codes, model.LayoutForm, model.Layers, model.Lanes,
        [.. model.Precisions.Select(precision => precision.Name)], model.Precision.Name, model.Batches,
        model.PromptForm, model.UnconditionalForm, model.MaxPromptTokens, model.DefaultNegativePrompt, model.Cleaning,
        model.DefaultGuidance, model.DefaultTemperature, model.DefaultTopK, model.DefaultTopP,
        model.DefaultMethod.Name, model.DefaultWindow, model.DefaultInitialization.Name, model.Sequential.First, model.Sequential.Last,
        model.DefaultDenoisingSteps, model.Bytes);
}

/// <summary>What models --json prints for a model that does not draw images from text; see <see cref="ModelSummary"/>.</summary>
/// <param name="Command">The command that uses it.</param>
internal sealed record OtherModelReport(string Name, string Family, string Kind, string Command, string Folder, string License, long Bytes)
{
    public static OtherModelReport Of(string folder, ModelSummary model, string kind) =>
        new(model.Name, model.Family, kind, CommandFor(kind), folder, model.License, model.Bytes);

    /// <summary>The command that uses models of a kind.</summary>
    public static string CommandFor(string kind) => kind switch
    {
        "flow" => "flow",
        "thought" => "think",
        "policy" => "act",
        _ => "",
    };
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ModelReport))]
[JsonSerializable(typeof(OtherModelReport))]
internal sealed partial class ModelReportJson : JsonSerializerContext;
