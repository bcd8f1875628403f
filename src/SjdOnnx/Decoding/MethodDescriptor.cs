namespace SjdOnnx.Decoding;

/// <summary>What a method's images have in common with those of autoregressive decoding.</summary>
public enum Exactness
{
    /// <summary>The images have another distribution. Users must be told.</summary>
    Lossy,

    /// <summary>The images have exactly the distribution that autoregressive decoding gives them.</summary>
    Exact,

    /// <summary>
    /// The seed alone decides the image: it is, code for code, the one that autoregressive decoding draws with the same logits, whatever
    /// the window. Providers may compute the logits of a lone token (<c>ar</c>) in another order than those of a window, and round
    /// differently.
    /// </summary>
    SeedExact,
}

/// <summary>
/// A decoding method as users meet it: command-line options, help, JSON, benchmarks and documentation all follow from this.
/// </summary>
/// <param name="name">The name that users type.</param>
/// <param name="summary">What the method does, in a line.</param>
/// <param name="exactness">What the method guarantees.</param>
/// <param name="default">The method with default options.</param>
/// <param name="options">The options that this method has and others do not.</param>
public sealed class MethodDescriptor(
    string name, string summary, Exactness exactness, IDecodingMethod @default, params IReadOnlyList<MethodOption> options)
{
    /// <summary>The name that users type, such as <c>sjd</c>.</summary>
    public string Name { get; } = name;

    /// <summary>What the method does, in a line.</summary>
    public string Summary { get; } = summary;

    /// <summary>What the method guarantees.</summary>
    public Exactness Exactness { get; } = exactness;

    /// <summary>The method with default options.</summary>
    public IDecodingMethod Default { get; } = @default;

    /// <summary>The options that this method has and others do not.</summary>
    public IReadOnlyList<MethodOption> Options { get; } = options;

    /// <summary>Whether the method has drafts at all. Without drafts, the window and the first guess have no effect.</summary>
    public bool HasDrafts { get; init; } = true;

    /// <summary>Whether images are distributed as those of autoregressive decoding.</summary>
    public bool IsExact => Exactness != Exactness.Lossy;

    /// <summary>Whether the image is the one that autoregressive decoding draws with the same seed.</summary>
    public bool IsSeedExact => Exactness == Exactness.SeedExact;

    /// <summary>Whether the method needs a model with a graph whose tokens can leave others out, as those of a tree of codes do.</summary>
    public bool NeedsTree => Default is ITreeMethod || HasTimesteps;

    /// <summary>Whether the method needs a model that was fine-tuned to read noise.</summary>
    public bool ReadsNoise => Default is IDenoisingMethod;

    /// <summary>Whether that model must have been fine-tuned to learn the noise of a slot from a timestep token.</summary>
    public bool HasTimesteps => Default is IDenoisingMethod { HasTimesteps: true };

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
