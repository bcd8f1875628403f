using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Generate;

/// <summary>What the user asked generate for.</summary>
internal sealed record GenerateOptions
{
    /// <summary>The first image; image i has its seed + i.</summary>
    public required GenerationRequest Request { get; init; }

    /// <summary>How all images are drawn and written.</summary>
    public required ImageOptions Image { get; init; }

    /// <summary>The file's name; null for names that are made from the seeds.</summary>
    public string? Output { get; init; }

    public bool ToStandardOutput => StandardStreams.IsOutput(Output);

    /// <summary>A path or a name; null for the built-in model.</summary>
    public string? Model { get; init; }

    public required TextToImageOptions Loading { get; init; }

    public int Count { get; init; } = 1;

    /// <summary>Images that share a forward pass; null for the usual number.</summary>
    public int? Batch { get; init; }

    /// <summary>The file for the trace; null for none.</summary>
    public string? Trace { get; init; }

    public bool Preview { get; init; }

    public bool Json { get; init; }
}
