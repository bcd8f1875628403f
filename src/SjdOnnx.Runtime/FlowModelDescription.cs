using System.Security.Cryptography;
using SjdOnnx.Runtime.Flows;
using SjdOnnx.Runtime.Model;

namespace SjdOnnx.Runtime;

/// <summary>What a loaded flow is and can do.</summary>
public sealed record FlowModelDescription : IModelDescription
{
    internal FlowModelDescription(FlowManifest manifest, string hash)
    {
        FlowSection flow = manifest.Flow;
        (Name, Family, Hash) = (manifest.Name, manifest.Family, hash);
        (License, LicenseNotice, AllowsCommercialUse) = (manifest.License.Id, manifest.License.Notice, manifest.License.Commercial);
        Bytes = manifest.Files.Values.Sum(static file => file.Bytes);
        (Side, Tokens, Channels, Blocks) = (flow.Side, flow.Tokens, flow.Channels, flow.Blocks.Length);
        (Noise, Classes) = (flow.Noise, flow.Classes);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string Family { get; }

    /// <inheritdoc/>
    public string Hash { get; }

    /// <inheritdoc/>
    public string License { get; }

    /// <inheritdoc/>
    public string LicenseNotice { get; }

    /// <inheritdoc/>
    public bool AllowsCommercialUse { get; }

    /// <inheritdoc/>
    public long Bytes { get; }

    /// <summary>Side of the square images in pixels.</summary>
    public int Side { get; }

    /// <summary>Tokens of an image.</summary>
    public int Tokens { get; }

    /// <summary>Numbers of a token.</summary>
    public int Channels { get; }

    /// <summary>Flow blocks.</summary>
    public int Blocks { get; }

    /// <summary>
    /// Standard deviation of the noise in the training images, whose pixels are from −1 to 1. Samples have it too. Null if not known.
    /// </summary>
    public float? Noise { get; }

    /// <summary>Names of the classes; empty for a model without classes.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>Reads a folder's model.json without loading the model. Of other files only the lengths are checked.</summary>
    /// <param name="folder">The folder that holds model.json.</param>
    /// <exception cref="ModelException">There is no such model, or it is not whole.</exception>
    public static FlowModelDescription Read(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        byte[] json = ModelFiles.ReadManifest(folder);
        FlowManifest manifest = FlowManifest.Read(json);
        _ = new ModelFiles(folder, manifest.Files, manifest.Files.Keys);
        return new FlowModelDescription(manifest, Convert.ToHexStringLower(SHA256.HashData(json)));
    }
}
