namespace SjdOnnx.Cli;

/// <summary>What the user asked generate for; null where the model's default holds.</summary>
internal sealed record GenerateOptions
{
    public required string Prompt { get; init; }

    /// <summary>Null: names made from the seeds.</summary>
    public string? Output { get; init; }

    public string? Model { get; init; }

    public string? Method { get; init; }

    public int? Window { get; init; }

    public string? Initialisation { get; init; }

    /// <summary>The first picture's seed; picture i has this + i.</summary>
    public required ulong Seed { get; init; }

    public int Count { get; init; } = 1;

    public float? Guidance { get; init; }

    public float? Temperature { get; init; }

    public int? TopK { get; init; }

    public float? TopP { get; init; }

    /// <summary>Pixels.</summary>
    public (int Width, int Height)? Size { get; init; }

    public string Provider { get; init; } = "cpu";

    /// <summary>0: one per physical core.</summary>
    public int Threads { get; init; }

    public string? Precision { get; init; }

    public bool Preview { get; init; }

    public bool Json { get; init; }

    public bool Metadata { get; init; } = true;
}
