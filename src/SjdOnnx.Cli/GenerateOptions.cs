using SjdOnnx.Runtime;

namespace SjdOnnx.Cli;

/// <summary>What the user asked generate for.</summary>
internal sealed record GenerateOptions
{
    /// <summary>The first picture; picture i has its seed + i. Null where the model's default holds.</summary>
    public required GenerationRequest Request { get; init; }

    /// <summary>Null: names made from the seeds.</summary>
    public string? Output { get; init; }

    public bool ToStandardOutput => StandardStreams.IsOutput(Output);

    public required ImageFormat Format { get; init; }

    public required ImageFileOptions File { get; init; }

    public string? Model { get; init; }

    public required TextToImageOptions Loading { get; init; }

    public int Count { get; init; } = 1;

    /// <summary>Pictures that share a forward pass; null: as many as usual.</summary>
    public int? Batch { get; init; }

    /// <summary>Where to write how the picture settled; null for nowhere.</summary>
    public string? Trace { get; init; }

    public bool Preview { get; init; }

    public bool Json { get; init; }
}
