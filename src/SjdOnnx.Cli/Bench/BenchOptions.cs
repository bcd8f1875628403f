using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Bench;

/// <summary>What the user asked bench for.</summary>
internal sealed record BenchOptions
{
    /// <summary>As it was typed, to be repeated.</summary>
    public required string CommandLine { get; init; }

    public string? Model { get; init; }

    public required TextToImageOptions Loading { get; init; }

    /// <summary>What all cells have in common: methods' own options, sampling and size.</summary>
    public required GenerationRequest Request { get; init; }

    public required IReadOnlyList<string> Methods { get; init; }

    /// <summary>Whether the methods were not chosen one by one: those that the model cannot draw are left out.</summary>
    public bool AllMethods { get; init; }

    public required IReadOnlyList<WindowSize> Windows { get; init; }

    /// <summary>Null: the model's.</summary>
    public IReadOnlyList<string>? Initialisations { get; init; }

    /// <summary>Of methods that read noise. Null: the model's.</summary>
    public IReadOnlyList<int>? DenoisingSteps { get; init; }

    /// <summary>Null: the model's.</summary>
    public IReadOnlyList<string>? Precisions { get; init; }

    public required IReadOnlyList<int> Batches { get; init; }

    public required IReadOnlyList<string> Prompts { get; init; }

    /// <summary>1 or more.</summary>
    public int Repeats { get; init; }

    /// <summary>0 or more batches of each cell that are not counted.</summary>
    public int Warmup { get; init; }

    /// <summary>Of the first picture; the others have the seeds after it.</summary>
    public ulong Seed { get; init; }

    /// <summary>Null: not written. So for the other two.</summary>
    public string? Json { get; init; }

    public string? Html { get; init; }

    public string? Svg { get; init; }
}
