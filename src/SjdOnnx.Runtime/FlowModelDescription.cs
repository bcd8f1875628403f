using SjdOnnx.Runtime.Flows;

namespace SjdOnnx.Runtime;

/// <summary>What a loaded flow is and can do.</summary>
public sealed record FlowModelDescription
{
    internal FlowModelDescription(FlowManifest manifest, string hash)
    {
        FlowSection flow = manifest.Flow;
        (Name, Family, Hash) = (manifest.Name, manifest.Family, hash);
        (License, LicenseNotice, AllowsCommercialUse) = (manifest.License.Id, manifest.License.Notice, manifest.License.Commercial);
        (Side, Tokens, Channels, Blocks) = (flow.Side, flow.Tokens, flow.Channels, flow.Blocks.Length);
        (Noise, Classes) = (flow.Noise, flow.Classes);
    }

    /// <summary>The model's name.</summary>
    public string Name { get; }

    /// <summary>The architecture, such as "tarflow".</summary>
    public string Family { get; }

    /// <summary>
    /// SHA-256 of model.json in lower-case hex. It holds the hashes of all other files, so it identifies the whole model.
    /// </summary>
    public string Hash { get; }

    /// <summary>SPDX identifier of the model's license.</summary>
    public string License { get; }

    /// <summary>What people who use the model must be told.</summary>
    public string LicenseNotice { get; }

    /// <summary>Whether the license allows commercial use.</summary>
    public bool AllowsCommercialUse { get; }

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
}
