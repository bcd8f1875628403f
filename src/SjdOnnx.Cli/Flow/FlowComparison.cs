using SjdOnnx.Cli.Terminal;
using SjdOnnx.Flows;
using SjdOnnx.Runtime;
using static System.FormattableString;

namespace SjdOnnx.Cli.Flow;

/// <summary>Draws the same samples in all ways, in turn, and compares each with one token after another.</summary>
/// <param name="samples">What is drawn, one token after another.</param>
internal sealed class FlowComparison(FlowModel model, FlowWay way, IReadOnlyList<FlowOptions> samples)
{
    private const double Standstill = 1e-6; // where the differences by update end

    private static readonly string[] Ways = [FlowWay.Sequential, FlowWay.Jacobi, FlowWay.FirstSequential, FlowWay.GaussSeidel];

    public async Task<ComparisonReport> RunAsync(IProgress<WorkProgress> progress, CancellationToken cancellation)
    {
        FlowPlan[] plans = [.. Ways.Select(each => way.For(each, model))];
        var ways = new List<FlowSample>[Ways.Length];
        for (int i = 0; i < Ways.Length; i++)
        {
            ways[i] = [];
            await DrawAsync(samples[0], plans[i], null); // the first sample of a way sets up memory
        }

        foreach (FlowOptions options in samples)
        {
            for (int i = 0; i < Ways.Length; i++)
                ways[i].Add(await DrawAsync(options, plans[i], null));
            int done = ways[0].Count;
            progress.Report(new WorkProgress((double)done / samples.Count, () => Invariant($"{done}/{samples.Count} samples")));
        }

        IReadOnlyList<BlockDifferences> differences = await DifferencesAsync(plans[0]);
        return new ComparisonReport(
            model.Description.Name, model.Description.Tokens, samples.Count,
            [.. Ways.Select((name, i) => WayReport.Of(name, ways[i], ways[0]))], differences);

        Task<FlowSample> DrawAsync(FlowOptions options, FlowPlan plan, Action<int, ReadOnlySpan<float>>? observe) =>
            model.SampleAsync(options with { Plan = plan, Denoising = 0 }, observe, cancellation);

        // The largest difference of each block's tokens to the solution after each update, over all samples.
        async Task<IReadOnlyList<BlockDifferences>> DifferencesAsync(FlowPlan sequential)
        {
            var largest = new SortedDictionary<int, List<double>>();
            BlockPlan whole = way.Block with { Segments = 1, Tolerance = Standstill, MaxUpdates = null };
            FlowPlan jacobi = FlowPlan.All(model.Description.Blocks, whole);
            foreach (FlowOptions options in samples)
            {
                var solutions = new Dictionary<int, float[]>();
                await DrawAsync(options, sequential, (block, x) => solutions[block] = x.ToArray());
                var updates = new Dictionary<int, int>();
                await DrawAsync(options, jacobi, (block, x) =>
                {
                    int update = updates[block] = updates.GetValueOrDefault(block) + 1;
                    if (!largest.TryGetValue(block, out List<double>? of))
                        largest.Add(block, of = []);
                    if (of.Count < update)
                        of.Add(0);
                    of[update - 1] = Math.Max(of[update - 1], WayReport.Difference(x, solutions[block]));
                });
            }

            return [.. largest.Reverse().Select(static block => new BlockDifferences(block.Key, block.Value))];
        }
    }
}
