namespace SjdOnnx.Runtime;

/// <summary>
/// How long a forward pass takes here, by the drafts that each picture brings: what <see cref="WindowSize.Auto"/> goes by.
/// </summary>
public sealed record PassCostTable
{
    /// <summary>The precision that was measured.</summary>
    public required string Precision { get; init; }

    public required string Provider { get; init; }

    public required int Threads { get; init; }

    /// <summary>Pictures in a pass: one of <see cref="ModelDescription.Batches"/>.</summary>
    public required int Pictures { get; init; }

    /// <summary>The processor's name, as far as it is known.</summary>
    public required string Processor { get; init; }

    /// <summary>Processors that the process may use.</summary>
    public required int Processors { get; init; }

    /// <summary>Version of ONNX Runtime.</summary>
    public required string OnnxRuntime { get; init; }

    /// <summary>Rising from 0 drafts.</summary>
    public required IReadOnlyList<PassCost> Costs { get; init; }

    /// <summary>Whether it was measured before and kept in a file, and not just now.</summary>
    public required bool WasKept { get; init; }

    /// <summary>The file that keeps it; null if none does, because that is switched off or the folder cannot be written.</summary>
    public required string? File { get; init; }
}

/// <param name="Drafts">Of each picture.</param>
/// <param name="Seconds">Of a pass, at half the picture, sampling at the model's defaults included.</param>
public sealed record PassCost(int Drafts, double Seconds);
