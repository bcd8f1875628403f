using SjdOnnx.Flows;

namespace SjdOnnx.Runtime;

/// <summary>A sample of a flow.</summary>
public sealed record FlowSample
{
    /// <summary>
    /// The numbers of the image's patches before denoising: [tokens × channels], mostly from −1 to 1. The model's density is one of these.
    /// </summary>
    public required IReadOnlyList<float> Tokens { get; init; }

    /// <summary>The image, after denoising.</summary>
    public required RgbImage Image { get; init; }

    /// <summary>What was asked for, with the plan that was used.</summary>
    public required FlowOptions Options { get; init; }

    /// <summary>How each block was solved, in the order of sampling: passes, tokens read, updates, overflows.</summary>
    public required IReadOnlyList<BlockResult> Blocks { get; init; }

    /// <summary>How long sampling took, without denoising.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>Runs of a network: as many as passes, or twice as many with guidance.</summary>
    public int Calls => Blocks.Sum(static block => block.Passes) * (Options.Guidance.Strength > 0 ? 2 : 1);

    /// <summary>Tokens that these runs read.</summary>
    public long RowEvaluations => Blocks.Sum(static block => block.Rows) * (Options.Guidance.Strength > 0 ? 2 : 1);
}
