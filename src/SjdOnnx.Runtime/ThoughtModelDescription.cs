using SjdOnnx.Runtime.Thoughts;

namespace SjdOnnx.Runtime;

/// <summary>What a loaded model that answers questions is and can do.</summary>
public sealed record ThoughtModelDescription : SystemDescription
{
    internal ThoughtModelDescription(ThoughtManifest manifest, byte[] json) : base(manifest, json)
    {
        (Iterations, Latents, Width) = (manifest.Thought.Iterations, manifest.Thought.Latents, manifest.Thought.Hidden);
        (MaxPositions, MaxAnswer) = (manifest.Thought.MaxPositions, manifest.Thought.MaxAnswer);
    }

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
        (ThoughtManifest manifest, byte[] json) = Read(folder, static json => ThoughtManifest.Read(json));
        return new ThoughtModelDescription(manifest, json);
    }
}
