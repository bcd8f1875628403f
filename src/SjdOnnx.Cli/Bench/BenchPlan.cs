using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Bench;

/// <summary>A combination that is measured: a row of the table.</summary>
/// <param name="Method">The method with its own options.</param>
/// <param name="Given">Those of its options that the user gave, in words; empty for none.</param>
/// <param name="Window">Drafts; 0 for a method that has none.</param>
/// <param name="Initialization">The first guess; null for a method without drafts.</param>
/// <param name="Batch">Images that share a forward pass.</param>
internal sealed record BenchCell(
    Precision Precision, IDecodingMethod Method, string Given, WindowSize Window, Initialization? Initialization, int Batch)
{
    /// <summary>The method that all others are compared with.</summary>
    public static MethodDescriptor Baseline => Autoregressive.Descriptor;

    public MethodDescriptor Descriptor => Method.Descriptor;

    public bool IsBaseline => Descriptor.Name == Baseline.Name;

    /// <summary>Drafts in a pass, or the most that auto chooses.</summary>
    public int MaxDrafts => Window.Drafts ?? WindowSize.MaxAuto;

    /// <summary>The method and the options that the user gave it.</summary>
    public string Name => Given.Length == 0 ? Descriptor.Name : $"{Descriptor.Name}, {Given}";

    /// <summary>The cell without what its method does not have.</summary>
    public static BenchCell Of(
        Precision precision, (IDecodingMethod Method, string Given) variant, WindowSize window, Initialization initialization, int batch)
    {
        if (!variant.Method.Descriptor.HasDrafts)
            return new BenchCell(precision, variant.Method, variant.Given, 0, null, batch);

        // Graphs for trees read one image at a time.
        bool isTree = variant.Method.TokensBeside(window.Drafts ?? WindowSize.MaxAuto) > 0;
        return new BenchCell(precision, variant.Method, variant.Given, window, initialization, isTree ? 1 : batch);
    }
}

/// <param name="Prompt">Index into the prompts.</param>
/// <param name="Repeat">From 0.</param>
internal sealed record BenchImage(int Prompt, int Repeat, ulong Seed);

/// <summary>What is drawn, and in which order.</summary>
/// <param name="Cells">Without repetitions; the baseline comes first within each precision and batch.</param>
/// <param name="Turns">Images that every cell draws before the next turn begins.</param>
internal sealed record BenchPlan(IReadOnlyList<BenchCell> Cells, IReadOnlyList<IReadOnlyList<BenchImage>> Turns)
{
    /// <param name="options">What the user asked for.</param>
    /// <param name="precisions">Precisions that the model has.</param>
    /// <param name="initialization">The model's, if the options name none.</param>
    public static BenchPlan Of(BenchOptions options, IReadOnlyList<Precision> precisions, Initialization initialization)
    {
        IEnumerable<MethodDescriptor> methods =
            [BenchCell.Baseline, .. options.Methods.Where(method => method.Name != BenchCell.Baseline.Name)];
        IEnumerable<BenchCell> cells =
            from precision in precisions
            from batch in options.Batches
            from method in methods
            from variant in options.MethodValues.VariantsOf(method)
            from first in options.Initializations ?? [initialization]
            from window in options.Windows
            select BenchCell.Of(precision, variant, window, first, batch);
        return new BenchPlan([.. cells.Distinct()], TurnsOf(options));
    }

    /// <summary>Every batch divides into the images of a turn, except perhaps in the last turn.</summary>
    private static IReadOnlyList<IReadOnlyList<BenchImage>> TurnsOf(BenchOptions options)
    {
        BenchImage[] images =
        [
            .. from repeat in Enumerable.Range(0, options.Repeats)
               from prompt in Enumerable.Range(0, options.Prompts.Count)
               select new BenchImage(prompt, repeat, unchecked(options.Seed + (ulong)((repeat * options.Prompts.Count) + prompt)))
        ];
        long size = options.Batches.Aggregate(1L, (product, batch) => Math.Min(images.Length, LeastCommonMultiple(product, batch)));
        return [.. images.Chunk((int)size)];
    }

    private static long LeastCommonMultiple(long a, long b)
    {
        (long x, long y) = (a, b);
        while (y != 0)
            (x, y) = (y, x % y);
        return a / x * b;
    }
}
