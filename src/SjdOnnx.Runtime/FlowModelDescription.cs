using SjdOnnx.Runtime.Flows;

namespace SjdOnnx.Runtime;

/// <summary>What a loaded flow is and can do.</summary>
public sealed record FlowModelDescription : SystemDescription
{
    internal FlowModelDescription(FlowManifest manifest, byte[] json) : base(manifest, json)
    {
        FlowSection flow = manifest.Flow;
        (Side, Tokens, Channels, Blocks) = (flow.Side, flow.Tokens, flow.Channels, flow.Blocks.Length);
        (Noise, Classes) = (flow.Noise, flow.Classes);
    }

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
        (FlowManifest manifest, byte[] json) = Read(folder, static json => FlowManifest.Read(json));
        return new FlowModelDescription(manifest, json);
    }
}
