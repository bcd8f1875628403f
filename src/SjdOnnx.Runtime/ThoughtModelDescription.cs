using System.Security.Cryptography;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Thoughts;

namespace SjdOnnx.Runtime;

/// <summary>What a loaded model that answers questions is and can do.</summary>
public sealed record ThoughtModelDescription : IModelDescription
{
    internal ThoughtModelDescription(ThoughtManifest manifest, string hash)
    {
        (Name, Family, Hash) = (manifest.Name, manifest.Family, hash);
        (License, LicenseNotice, AllowsCommercialUse) = (manifest.License.Id, manifest.License.Notice, manifest.License.Commercial);
        Bytes = manifest.Files.Values.Sum(static file => file.Bytes);
        (Iterations, Latents, Width) = (manifest.Thought.Iterations, manifest.Thought.Latents, manifest.Thought.Hidden);
        (MaxPositions, MaxAnswer) = (manifest.Thought.MaxPositions, manifest.Thought.MaxAnswer);
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

    /// <summary>Updates of the thoughts that the model was trained with.</summary>
    public int Iterations { get; }

    /// <summary>Thoughts between question and answer.</summary>
    public int Latents { get; }

    /// <summary>Numbers in a thought.</summary>
    public int Width { get; }

    /// <summary>The longest sequence in tokens: question, thoughts and answer together.</summary>
    public int MaxPositions { get; }

    /// <summary>The most tokens of an answer.</summary>
    public int MaxAnswer { get; }

    /// <summary>Reads a folder's model.json without loading the model. Of other files only the lengths are checked.</summary>
    /// <param name="folder">The folder that holds model.json.</param>
    /// <exception cref="ModelException">There is no such model, or it is not whole.</exception>
    public static ThoughtModelDescription Read(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        byte[] json = ModelFiles.ReadManifest(folder);
        ThoughtManifest manifest = ThoughtManifest.Read(json);
        _ = new ModelFiles(folder, manifest.Files, manifest.Files.Keys);
        return new ThoughtModelDescription(manifest, Convert.ToHexStringLower(SHA256.HashData(json)));
    }
}
