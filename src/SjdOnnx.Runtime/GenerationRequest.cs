using SjdOnnx.Methods;

namespace SjdOnnx.Runtime;

/// <summary>Width and height of an image in pixels.</summary>
public readonly record struct ImageSize(int Width, int Height)
{
    public override string ToString() => $"{Width}x{Height}";
}

/// <summary>Width to height, as in 16:9.</summary>
public readonly record struct AspectRatio(int Width, int Height)
{
    /// <summary>How far a size is from this shape: 0 for the same, 0.1 for about a tenth wider or higher.</summary>
    internal double DistanceTo(ImageSize size) =>
        Math.Abs(Math.Log((double)size.Width / size.Height) - Math.Log((double)Width / Height));

    public override string ToString() => $"{Width}:{Height}";
}

/// <summary>
/// A picture to draw. What is null is as the model's model.json says. Values are checked when the request is made: what is legal depends on
/// the model.
/// </summary>
public sealed record GenerationRequest
{
    /// <summary>What the picture shows, in any words.</summary>
    public required string Prompt { get; init; }

    /// <summary>
    /// What the picture must not show, for models that read that (<see cref="ModelDescription.DefaultNegative"/> is not null); null takes the
    /// model's own.
    /// </summary>
    public string? Negative { get; init; }

    /// <summary>Whether the prompt is put into the form of the captions that the model was trained on, where model.json says how.</summary>
    public bool Clean { get; init; } = true;

    /// <summary>Names the picture: the same request with the same seed gives the same bytes.</summary>
    public ulong Seed { get; init; }

    /// <summary>One of <see cref="ModelDescription.Methods"/>.</summary>
    public string? Method { get; init; }

    /// <summary>
    /// The most drafts in a forward pass, 0 or more, or <see cref="WindowSize.Auto"/>. A method without drafts ignores it. With auto, a
    /// method that is not seed-exact draws pictures that depend on what passes cost on this machine: give a number to have the same
    /// picture elsewhere.
    /// </summary>
    public WindowSize? Window { get; init; }

    /// <summary>One of <see cref="ModelDescription.Initialisations"/>.</summary>
    public string? Initialisation { get; init; }

    /// <summary>
    /// <see cref="DecodingOptions.Branching"/> of the method pac. This and the four after it: null takes the method's own.
    /// </summary>
    public IReadOnlyList<int>? Branching { get; init; }

    /// <summary><see cref="DecodingOptions.ReuseThreshold"/> of the method sjd++.</summary>
    public float? ReuseThreshold { get; init; }

    /// <summary><see cref="DecodingOptions.GroupSize"/> of the method gsd.</summary>
    public int? GroupSize { get; init; }

    /// <summary><see cref="DecodingOptions.GroupTolerance"/> of the method gsd.</summary>
    public float? GroupTolerance { get; init; }

    /// <summary><see cref="DecodingOptions.Iterations"/> of the method early-exit.</summary>
    public int? Iterations { get; init; }

    /// <summary><see cref="DecodingOptions.DenoisingSteps"/> of the method sjd2, 1 to the window; null takes the model's.</summary>
    public int? DenoisingSteps { get; init; }

    /// <summary>1 is no guidance.</summary>
    public float? Guidance { get; init; }

    /// <summary>0 always takes the most probable code.</summary>
    public float? Temperature { get; init; }

    /// <summary>0 is off.</summary>
    public int? TopK { get; init; }

    /// <summary>Above 0, up to 1, which is off.</summary>
    public float? TopP { get; init; }

    /// <summary>One of <see cref="ModelDescription.Sizes"/>.</summary>
    public ImageSize? Size { get; init; }

    /// <summary>Width over height, in place of <see cref="Size"/>: the largest of the model's sizes with (nearly) this shape.</summary>
    public AspectRatio? AspectRatio { get; init; }

    /// <summary>Whether to take down where the picture stood after each pass (<see cref="GeneratedImage.Trace"/>).</summary>
    public bool Trace { get; init; }

    /// <summary>
    /// In a stream: a preview whenever this many more rows of codes are finished; 0 is none. A preview costs one run of the image decoder.
    /// </summary>
    public int PreviewEveryRows { get; init; }
}
