using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime;

/// <summary>
/// How images are drawn. Null properties use the model's defaults. The model decides which values are legal, so they are checked when a
/// request is made.
/// </summary>
public sealed record GenerationOptions
{
    /// <summary>
    /// The decoding method with its own options, such as <c>new MaximalCoupling()</c> or <c>new GroupedAcceptance { GroupSize = 9 }</c>:
    /// one of
    /// <see cref="SjdOnnx.Methods"/>, or the application's own.
    /// </summary>
    public IDecodingMethod? Method { get; init; }

    /// <summary>
    /// The most drafts in a forward pass, or <see cref="WindowSize.Auto"/>. Methods without drafts ignore it. With auto, the images of
    /// methods that are not seed-exact depend on what passes cost on this machine: give a number to repeat an image elsewhere.
    /// </summary>
    public WindowSize? Window { get; init; }

    /// <summary>The first guess at a draft.</summary>
    public Initialization? Initialization { get; init; }

    /// <summary>
    /// Guidance, 0 to <see cref="SamplingOptions.MaxGuidance"/>: how far to go from the logits without the prompt past those with it. 1
    /// is no guidance.
    /// </summary>
    public float? Guidance { get; init; }

    /// <summary>Temperature, 0 to <see cref="SamplingOptions.MaxTemperature"/>; 0 always takes the most probable code.</summary>
    public float? Temperature { get; init; }

    /// <summary>Only the k most probable codes are drawn; 0 is off.</summary>
    public int? TopK { get; init; }

    /// <summary>Only the most probable codes that together have this probability are drawn: above 0 to 1, where 1 is off.</summary>
    public float? TopP { get; init; }

    /// <summary>One of <see cref="ModelDescription.Sizes"/>.</summary>
    public ImageSize? Size { get; init; }

    /// <summary>Width over height, in place of <see cref="Size"/>: the largest of the model's sizes with nearly this shape.</summary>
    public AspectRatio? AspectRatio { get; init; }

    /// <summary>Whether the prompt is rewritten like the captions that the model was trained on, if model.json says how.</summary>
    public bool CleanPrompt { get; init; } = true;

    /// <summary>Whether <see cref="GeneratedImage.Trace"/> records the window after each pass.</summary>
    public bool Trace { get; init; }

    /// <summary>
    /// For <see cref="TextToImage.StreamAsync"/>: a preview whenever this many more rows of codes are finished; 0 is none. Each preview
    /// costs a run of the image decoder.
    /// </summary>
    public int PreviewEveryRows
    {
        get;
        init => field = value >= 0
            ? value
            : throw new ArgumentOutOfRangeException(
                nameof(PreviewEveryRows), value, "PreviewEveryRows must be 0 (no previews) or more.");
    }
}
