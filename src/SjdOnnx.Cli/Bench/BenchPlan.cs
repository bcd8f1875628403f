namespace SjdOnnx.Cli.Bench;

/// <param name="Prompt">Index into the prompts.</param>
/// <param name="Repeat">From 0.</param>
internal sealed record BenchPicture(int Prompt, int Repeat, ulong Seed);

/// <summary>Which pictures are drawn in which ways, and in which order.</summary>
/// <param name="Cells">Without repetitions; the baseline comes first within each precision and batch.</param>
/// <param name="Turns">The same pictures for every cell before the next turn, so that a machine that is busy for a while is busy
/// for all.</param>
internal sealed record BenchPlan(IReadOnlyList<BenchCell> Cells, IReadOnlyList<IReadOnlyList<BenchPicture>> Turns)
{
    /// <summary>Cells that were asked for and cannot be: of more denoising steps than drafts.</summary>
    public IReadOnlyList<BenchCell> WithoutRoom { get; private init; } = [];

    /// <param name="precisions">Names that the model knows.</param>
    /// <param name="initialisation">The model's, for where the options name none.</param>
    public static BenchPlan Of(BenchOptions options, IReadOnlyList<string> precisions, string initialisation)
    {
        IReadOnlyList<string> initialisations = options.Initialisations ?? [initialisation];
        IEnumerable<string> methods = [BenchCell.BaselineMethod, .. options.Methods.Where(method => method != BenchCell.BaselineMethod)];
        IEnumerable<BenchCell> cells =
            from precision in precisions
            from batch in options.Batches
            from method in methods
            from first in initialisations
            from window in options.Windows
            from steps in options.DenoisingSteps?.Select(static steps => (int?)steps) ?? [null]
            select BenchCell.Of(precision, method, window, first, batch, steps);
        ILookup<bool, BenchCell> byRoom = cells.Distinct().ToLookup(cell => (cell.DenoisingSteps ?? 1) <= Math.Max(1, cell.MostDrafts));
        return new BenchPlan([.. byRoom[true]], Turn(options)) { WithoutRoom = [.. byRoom[false]] };
    }

    /// <summary>Every batch divides into the pictures of a turn, but for the last turn if they do not come out even.</summary>
    private static IReadOnlyList<IReadOnlyList<BenchPicture>> Turn(BenchOptions options)
    {
        BenchPicture[] pictures =
        [
            .. from repeat in Enumerable.Range(0, options.Repeats)
               from prompt in Enumerable.Range(0, options.Prompts.Count)
               select new BenchPicture(prompt, repeat, unchecked(options.Seed + (ulong)((repeat * options.Prompts.Count) + prompt)))
        ];
        long size = options.Batches.Aggregate(1L, (product, batch) => Math.Min(pictures.Length, LeastCommonMultiple(product, batch)));
        return [.. pictures.Chunk((int)size)];
    }

    private static long LeastCommonMultiple(long a, long b)
    {
        (long x, long y) = (a, b);
        while (y != 0)
            (x, y) = (y, x % y);
        return a / x * b;
    }
}
