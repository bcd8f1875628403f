using SjdOnnx.Runtime.Thoughts;

namespace SjdOnnx.Runtime;

/// <summary>What a loaded model that answers questions is and can do.</summary>
public sealed record ThoughtModelDescription
{
    internal ThoughtModelDescription(ThoughtManifest manifest, string hash)
    {
        (Name, Family, Hash) = (manifest.Name, manifest.Family, hash);
        (License, LicenseNotice, AllowsCommercialUse) = (manifest.License.Id, manifest.License.Notice, manifest.License.Commercial);
        (Iterations, Latents, Width) = (manifest.Thought.Iterations, manifest.Thought.Latents, manifest.Thought.Hidden);
        (MaxPositions, MaxAnswer) = (manifest.Thought.MaxPositions, manifest.Thought.MaxAnswer);
    }

    /// <summary>The model's name.</summary>
    public string Name { get; }

    /// <summary>The method, such as "pccot".</summary>
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
}
