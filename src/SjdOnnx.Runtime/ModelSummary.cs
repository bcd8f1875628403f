using System.Text.Json.Serialization;
using SjdOnnx.Runtime.Model;

namespace SjdOnnx.Runtime;

/// <summary>What every model has, whether it is one for <see cref="TextToImage"/> or another.</summary>
/// <param name="Name">The model's name.</param>
/// <param name="Family">The architecture, as "chameleon" or "tarflow".</param>
/// <param name="Kind">"flow", "thought" or "policy"; null for a model that draws images from text.</param>
/// <param name="License">SPDX identifier of the model's license.</param>
/// <param name="Bytes">Bytes of all files that model.json names.</param>
public sealed record ModelSummary(string Name, string Family, string? Kind, string License, long Bytes)
{
    /// <summary>Reads a folder's model.json and opens no other file.</summary>
    /// <param name="folder">The folder that holds model.json.</param>
    /// <exception cref="ModelException">There is no such model, or its model.json cannot be read.</exception>
    public static ModelSummary Read(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        SummaryManifest manifest = ManifestReader.Read(
            ModelFiles.ReadManifest(folder), kind: null, SummaryJson.Default.SummaryManifest);
        ManifestRules.CheckNames(manifest);
        ManifestRules.CheckFiles(manifest.Files, []);
        return new ModelSummary(manifest.Name, manifest.Family, manifest.Kind, manifest.License.Id, manifest.Bytes());
    }
}

/// <summary>model.json of a model of any kind; fields that only some kinds have are ignored.</summary>
internal sealed record SummaryManifest : ModelManifest;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(SummaryManifest))]
internal sealed partial class SummaryJson : JsonSerializerContext;
