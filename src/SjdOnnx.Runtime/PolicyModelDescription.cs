using SjdOnnx.Actions;
using SjdOnnx.Runtime.Actions;

namespace SjdOnnx.Runtime;

/// <summary>What a policy is and can do.</summary>
public sealed record PolicyModelDescription : SystemDescription
{
    internal PolicyModelDescription(PolicyManifest manifest, byte[] json, Precision precision) : base(manifest, json)
    {
        (Precision, Precisions) = (precision, [.. manifest.Transformer.Precisions.Keys.Select(Precision.Parse)]);
        (Side, Patches, Prompt) = (manifest.Vision.Side, manifest.Vision.Patches, manifest.Prompt.Text);
        (Dataset, Chunk, Tokens) = (manifest.Actions.Dataset, manifest.Actions.Chunk, manifest.Tokens());
        KnowsBlockTable = manifest.Actions.World == PolicyManifest.World;
    }

    /// <summary>The precision that was loaded, or the model's default.</summary>
    public Precision Precision { get; }

    /// <summary>Every precision that the model was exported at.</summary>
    public IReadOnlyList<Precision> Precisions { get; }

    /// <summary>Pixels of the side of the square picture that the policy sees.</summary>
    public int Side { get; }

    /// <summary>Tokens of the picture.</summary>
    public int Patches { get; }

    /// <summary>The text that the policy reads, with {image} and {instruction} in the places of these.</summary>
    public string Prompt { get; }

    /// <summary>The data set whose ranges the actions have.</summary>
    public string Dataset { get; }

    /// <summary>Actions of an answer.</summary>
    public int Chunk { get; }

    /// <summary>How the numbers of actions are tokens.</summary>
    public ActionTokens Tokens { get; }

    /// <summary>Whether the model was trained on <see cref="BlockTable"/>.</summary>
    public bool KnowsBlockTable { get; }

    /// <summary>Reads a folder's model.json without loading the model. Of other files only the lengths are checked.</summary>
    /// <param name="folder">The folder that holds model.json.</param>
    /// <exception cref="ModelException">There is no such policy, or it is not whole.</exception>
    public static PolicyModelDescription Read(string folder)
    {
        (PolicyManifest manifest, byte[] json) = Read(folder, static json => PolicyManifest.Read(json));
        return new PolicyModelDescription(manifest, json, Precision.Parse(manifest.Transformer.DefaultPrecision));
    }
}
