namespace SjdOnnx.Runtime.Model;

/// <summary>What a model is for: model.json's field "kind", which a model of images does not have.</summary>
/// <param name="Name">The value of the field; null if there is none.</param>
/// <param name="Is">What it is, as a part of a sentence.</param>
/// <param name="Use">The command that uses it, and the class.</param>
internal sealed record ModelKind(string? Name, string Is, string Use)
{
    /// <summary>Text to images, token by token.</summary>
    public static readonly ModelKind Image = new(null, "a model that draws images from text", "'sjd generate', or TextToImage");

    /// <summary>TarFlow: noise to images, block by block.</summary>
    public static readonly ModelKind Flow = new("flow", "a flow", "'sjd flow', or FlowModel");

    /// <summary>PCCoT: a question to an answer, with latent thoughts.</summary>
    public static readonly ModelKind Thought = new("thought", "a model that answers questions", "'sjd think', or ThoughtModel");

    /// <summary>A vision-language-action model: a picture and an instruction to actions.</summary>
    public static readonly ModelKind Policy = new("policy", "a policy that acts", "'sjd act', or PolicyModel");

    private static readonly ModelKind[] All = [Image, Flow, Thought, Policy];

    /// <summary>Refuses a model of another kind.</summary>
    /// <param name="name">Its field "kind"; null if there is none.</param>
    /// <exception cref="ModelException">The kind is another one, or there is no such kind.</exception>
    public void Require(string? name)
    {
        if (name == Name)
            return;
        string names = string.Join(", ", All.Select(static kind => kind.Name).OfType<string>());
        ModelKind other = Array.Find(All, kind => kind.Name == name) ?? throw new ModelException(
            $"{ManifestReader.FileName} has the kind '{name}'; it can be {names}, or be left out for a model of images. A newer SjdOnnx " +
            "may know it.");
        throw new ModelException($"This is {other.Is}, and {Is} is needed here. Use {other.Use}, or choose another model.");
    }
}
