using System.Security.Cryptography;
using SjdOnnx.Runtime.Model;

namespace SjdOnnx.Runtime;

/// <summary>What flows, models that answer questions and policies have in common.</summary>
public abstract record SystemDescription : IModelDescription
{
    /// <param name="manifest">The model's model.json.</param>
    /// <param name="json">The same as it is in the file.</param>
    private protected SystemDescription(ModelManifest manifest, byte[] json)
    {
        (Name, Family, Hash) = (manifest.Name, manifest.Family, Convert.ToHexStringLower(SHA256.HashData(json)));
        (License, LicenseNotice, AllowsCommercialUse) = (manifest.License.Id, manifest.License.Notice, manifest.License.Commercial);
        Bytes = manifest.Bytes();
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

    /// <summary>Reads a folder's model.json. Of other files only the lengths are checked.</summary>
    private protected static (TManifest Manifest, byte[] Json) Read<TManifest>(string folder, Func<byte[], TManifest> read)
        where TManifest : ModelManifest
    {
        ArgumentNullException.ThrowIfNull(folder);
        byte[] json = ModelFiles.ReadManifest(folder);
        TManifest manifest = read(json);
        _ = new ModelFiles(folder, manifest.Files, manifest.Files.Keys);
        return (manifest, json);
    }
}
