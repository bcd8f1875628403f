using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Bench;

/// <summary>One way of drawing: what a row of the table is about.</summary>
/// <param name="Window">Drafts; 0 for a method that has none.</param>
/// <param name="Initialisation">Null for a method without drafts.</param>
/// <param name="Batch">Pictures that share a forward pass.</param>
/// <param name="DenoisingSteps">Null for a method that reads no noise, and for the model's own.</param>
/// <param name="IsExact">Whether the method's pictures are distributed as autoregressive decoding draws them.</param>
internal sealed record BenchCell(string Precision, string Method, WindowSize Window, string? Initialisation, int Batch, bool IsExact,
    int? DenoisingSteps = null)
{
    /// <summary>What all others are compared with.</summary>
    public const string BaselineMethod = "ar";

    /// <summary>Drafts in a pass, or the most that auto chooses.</summary>
    public int MostDrafts => Window.Drafts ?? WindowSize.LargestAuto;

    public bool IsBaseline => Method == BaselineMethod;

    /// <summary>The method, with what sets it apart from itself.</summary>
    public string Name => DenoisingSteps is int steps ? FormattableString.Invariant($"{Method}, {steps} step{(steps == 1 ? "" : "s")}") : Method;

    /// <summary>The cell of a method as the method itself would have it.</summary>
    public static BenchCell Of(
        string precision, string method, WindowSize window, string initialisation, int batch, int? denoisingSteps = null)
    {
        var options = new DecodingOptions { WindowSize = window.Drafts ?? WindowSize.LargestAuto };
        IDecodingMethod created = DecodingMethods.Create(method, options);
        if (created.Branches > 0)
            batch = 1; // trees have a graph of one picture
        return created.WindowSize == 0
            ? new BenchCell(precision, method, 0, null, batch, created.IsExact)
            : new BenchCell(
                precision, method, window, initialisation, batch, created.IsExact, created.DenoisingSteps > 0 ? denoisingSteps : null);
    }
}
