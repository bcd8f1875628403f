using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Runtime;
using static System.FormattableString;

namespace SjdOnnx.Cli.Models;

/// <summary>What models show prints for a model that does not draw images from text.</summary>
internal static class SystemReports
{
    /// <summary>Describes the model of a folder: as one JSON object, and as lines of text.</summary>
    /// <exception cref="ModelException">The folder is no whole model of the kind.</exception>
    public static (string Json, IEnumerable<(string Name, string? Value)> Lines) Of(string folder, string kind)
    {
        switch (kind)
        {
            case "flow":
                FlowModelDescription flow = FlowModelDescription.Read(folder);
                FlowModelReport flowReport = FlowModelReport.Of(folder, flow);
                return (
                    JsonSerializer.Serialize(flowReport, SystemReportJson.Default.FlowModelReport),
                    Lines(flow, folder, kind, flowReport.Lines()));
            case "thought":
                ThoughtModelDescription thought = ThoughtModelDescription.Read(folder);
                ThoughtModelReport thoughtReport = ThoughtModelReport.Of(folder, thought);
                return (
                    JsonSerializer.Serialize(thoughtReport, SystemReportJson.Default.ThoughtModelReport),
                    Lines(thought, folder, kind, thoughtReport.Lines()));
            default:
                PolicyModelDescription policy = PolicyModelDescription.Read(folder);
                PolicyModelReport policyReport = PolicyModelReport.Of(folder, policy);
                return (
                    JsonSerializer.Serialize(policyReport, SystemReportJson.Default.PolicyModelReport),
                    Lines(policy, folder, kind, policyReport.Lines()));
        }
    }

    /// <summary>The lines about what all models have, around the lines about a kind.</summary>
    private static IEnumerable<(string Name, string? Value)> Lines(
        IModelDescription model, string folder, string kind, IEnumerable<(string Name, string? Value)> others) =>
    [
        ("name", model.Name),
        ("family", model.Family),
        ("kind", $"{kind}, for sjd {OtherModelReport.CommandFor(kind)}"),
        ("folder", folder),
        ("license", model.License + (model.AllowsCommercialUse ? "" : ", not for commercial use")),
        ("notice", model.LicenseNotice),
        .. others,
        ("files", Invariant($"{model.Bytes / 1e6:0.0} MB")),
    ];
}

/// <summary>See <see cref="FlowModelDescription"/>.</summary>
/// <param name="Plan">Whether the folder has a plan.json, which sjd flow then follows.</param>
internal sealed record FlowModelReport(
    string Name, string Family, string Kind, string Command, string Folder, string License, string LicenseNotice, bool CommercialUse,
    int Side, int Tokens, int Channels, int Blocks, IReadOnlyList<string> Classes, float? Noise, bool Plan, long Bytes)
{
    public static FlowModelReport Of(string folder, FlowModelDescription model) => new(
        model.Name, model.Family, "flow", OtherModelReport.CommandFor("flow"), folder, model.License, model.LicenseNotice,
        model.AllowsCommercialUse, model.Side, model.Tokens, model.Channels, model.Blocks, model.Classes, model.Noise,
        File.Exists(Path.Combine(folder, "plan.json")), model.Bytes);

    /// <summary>The lines about this kind of model.</summary>
    public IEnumerable<(string Name, string? Value)> Lines() =>
    [
        ("images", Invariant($"{Side}x{Side} pixels, {Tokens} tokens of {Channels} numbers")),
        ("blocks", Invariant($"{Blocks}")),
        ("classes", Classes.Count == 0 ? "none" : string.Join(", ", Classes)),
        ("noise", Noise is float noise ? Invariant($"{noise} in the training images, which --denoise removes") : "not known"),
        ("plan", Plan ? "plan.json" : "none, so tokens are drawn one after another; sjd flow --measure makes one"),
    ];
}

/// <summary>See <see cref="ThoughtModelDescription"/>.</summary>
internal sealed record ThoughtModelReport(
    string Name, string Family, string Kind, string Command, string Folder, string License, string LicenseNotice, bool CommercialUse,
    int Latents, int Iterations, int Width, int MaxPositions, int MaxAnswer, long Bytes)
{
    public static ThoughtModelReport Of(string folder, ThoughtModelDescription model) => new(
        model.Name, model.Family, "thought", OtherModelReport.CommandFor("thought"), folder, model.License, model.LicenseNotice,
        model.AllowsCommercialUse, model.Latents, model.Iterations, model.Width, model.MaxPositions, model.MaxAnswer, model.Bytes);

    /// <summary>The lines about this kind of model.</summary>
    public IEnumerable<(string Name, string? Value)> Lines() =>
    [
        ("thoughts", Invariant($"{Latents} of {Width} numbers, updated {Iterations} times")),
        ("tokens", Invariant($"{MaxPositions} at most with question and thoughts, {MaxAnswer} of an answer")),
    ];
}

/// <summary>See <see cref="PolicyModelDescription"/>.</summary>
/// <param name="Dimensions">Numbers in an action.</param>
/// <param name="BuiltInTask">Whether the model was trained on the task that sjd act runs without a picture.</param>
internal sealed record PolicyModelReport(
    string Name, string Family, string Kind, string Command, string Folder, string License, string LicenseNotice, bool CommercialUse,
    IReadOnlyList<string> Precisions, string DefaultPrecision, int Side, int Patches, string Prompt, string Dataset, int Dimensions,
    int Chunk, bool BuiltInTask, long Bytes)
{
    public static PolicyModelReport Of(string folder, PolicyModelDescription model) => new(
        model.Name, model.Family, "policy", OtherModelReport.CommandFor("policy"), folder, model.License, model.LicenseNotice,
        model.AllowsCommercialUse, [.. model.Precisions.Select(static precision => precision.Name)], model.Precision.Name, model.Side,
        model.Patches, model.Prompt, model.Dataset, model.Tokens.Dimensions, model.Chunk, model.KnowsBlockTable, model.Bytes);

    /// <summary>The lines about this kind of model.</summary>
    public IEnumerable<(string Name, string? Value)> Lines() =>
    [
        ("precisions", string.Join(", ", Precisions.Select(name => name == DefaultPrecision ? $"{name} (default)" : name))),
        ("picture", Invariant($"{Side}x{Side} pixels, {Patches} tokens")),
        ("prompt", JsonSerializer.Serialize(Prompt, SystemReportJson.Default.String)),
        ("actions", Invariant($"{Chunk} at once of {Dimensions} numbers each, in the ranges of {Dataset}")),
        ("built-in task", BuiltInTask ? "yes" : "no; give an instruction and --picture"),
    ];
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(FlowModelReport))]
[JsonSerializable(typeof(ThoughtModelReport))]
[JsonSerializable(typeof(PolicyModelReport))]
[JsonSerializable(typeof(string))]
internal sealed partial class SystemReportJson : JsonSerializerContext;
