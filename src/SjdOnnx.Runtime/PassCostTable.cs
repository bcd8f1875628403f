namespace SjdOnnx.Runtime;

/// <summary>
/// How long a forward pass takes on this machine, by the drafts that each image brings. <see cref="WindowSize.Auto"/> uses it.
/// </summary>
public sealed record PassCostTable
{
    /// <summary>The precision that was measured.</summary>
    public required Precision Precision { get; init; }

    /// <summary>Where the graphs ran.</summary>
    public required ExecutionProvider Provider { get; init; }

    /// <summary>Threads of a pass; 0 if ONNX Runtime chose.</summary>
    public required int Threads { get; init; }

    /// <summary>
    /// Into how many parts a pass is split, 1 or more. They run side by side, each on its share of the threads. This number was measured to
    /// be the fastest.
    /// </summary>
    public required int Groups { get; init; }

    /// <summary>Images in a pass: one of <see cref="ModelDescription.Batches"/>.</summary>
    public required int Images { get; init; }

    /// <summary>The processor's name, if the system tells it.</summary>
    public required string Processor { get; init; }

    /// <summary>Processors that the process may use.</summary>
    public required int Processors { get; init; }

    /// <summary>The version of ONNX Runtime.</summary>
    public required string OnnxRuntime { get; init; }

    /// <summary>Entries that rise from 0 drafts.</summary>
    public required IReadOnlyList<PassCost> Costs { get; init; }

    /// <summary>Whether the table was read from the cache folder, and not just measured.</summary>
    public required bool WasKept { get; init; }

    /// <summary>
    /// The file that keeps the table; null if there is none, because that is switched off or the folder cannot be written.
    /// </summary>
    public required string? File { get; init; }
}

/// <param name="Drafts">Drafts of each image.</param>
/// <param name="Duration">Of a pass, halfway through the image, including sampling at the model's defaults.</param>
public sealed record PassCost(int Drafts, TimeSpan Duration);
