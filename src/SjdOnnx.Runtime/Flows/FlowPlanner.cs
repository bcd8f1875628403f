using System.Diagnostics;
using SjdOnnx.Flows;

namespace SjdOnnx.Runtime.Flows;

/// <summary>
/// Measures the blocks of a flow and chooses the fastest way for each. The metrics choose the guess; the number of segments and the most
/// updates are chosen by measurement, because what a pass costs depends on the machine.
/// </summary>
internal sealed class FlowPlanner(LoadedFlow flow, FlowSection section, FlowMeasureOptions options)
{
    private const int MinSegment = 4; // tokens; passes of fewer cost as much as passes of one
    private const double Reserve = 1.5; // updates beyond the most that a sample needed

    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public FlowMeasurement Measure(IProgress<double>? progress, CancellationToken cancellation)
    {
        float[][] tokens = [.. Enumerable.Range(0, options.Samples).Select(i => FlowNoise.Draw(section, seed: 0, (uint)i))];
        var noises = new Dictionary<int, float[][]>(); // by block: what it turns into tokens
        int blocks = section.Blocks.Length;
        for (int block = blocks - 1; block >= 0; block--)
        {
            noises[block] = [.. tokens];
            tokens = [.. tokens.Select((noise, i) => Sampler(i).Solve(block, noise, BlockPlan.Sequential, null, cancellation).Tokens)];
            progress?.Report((blocks - block) / (4.0 * blocks));
        }

        OutputNorms[] norms = [.. section.Blocks.Select(static block => new OutputNorms(block.ScaleNorm, block.ShiftNorm))];
        IReadOnlyList<BlockMetrics> metrics = FlowMetrics.Measure(Sampler(null), tokens, norms, cancellation);
        double all = metrics.Sum(static block => block.Convergence);
        var measured = new List<BlockMeasurement>();
        for (int block = blocks - 1; block >= 0; block--)
        {
            WayMeasurement[] ways = Try(block, noises[block], metrics[block].Guess, cancellation);
            measured.Add(new BlockMeasurement(metrics[block], metrics[block].Convergence / all, ways));
            progress?.Report(0.25 + (0.75 * (blocks - block) / blocks));
        }

        return new FlowMeasurement(measured, new FlowPlan { Blocks = [.. measured.Select(Choose)] });
    }

    private FlowSampler Sampler(int? sample) =>
        flow.Sampler(section.Classes.Length == 0 ? null : sample % section.Classes.Length, new FlowGuidance());

    private WayMeasurement[] Try(int block, float[][] noises, InitialGuess guess, CancellationToken cancellation)
    {
        var plans = new List<BlockPlan> { BlockPlan.Sequential };
        for (int segments = 1; segments <= section.Tokens / MinSegment; segments++)
        {
            if (section.Tokens % segments == 0)
                plans.Add(new BlockPlan { Segments = segments, Tolerance = options.Tolerance, Guess = guess });
        }

        var solutions = new List<float[]>();
        return [.. plans.Select(Measure)];

        WayMeasurement Measure(BlockPlan plan)
        {
            (TimeSpan time, double difference, int most) = (TimeSpan.Zero, 0, 0);
            var results = new List<BlockResult>();
            Sampler(0).Solve(block, noises[0], plan, null, cancellation); // makes the bindings
            for (int i = 0; i < noises.Length; i++)
            {
                FlowSampler sampler = Sampler(i);
                long start = Stopwatch.GetTimestamp();
                (float[] tokens, BlockResult result) = sampler.Solve(block, noises[i], plan, null, cancellation);
                time += Stopwatch.GetElapsedTime(start);
                results.Add(result);
                if (plan.Segments == 0)
                    solutions.Add(tokens);
                difference = Math.Max(difference, Difference(tokens, solutions[i]));
                most = Math.Max(most, result.Updates.DefaultIfEmpty().Max());
            }

            int? cap = plan.Segments == 0 ? null : Math.Min((int)Math.Ceiling(most * Reserve), section.Tokens / plan.Segments);
            return new WayMeasurement(
                plan with { MaxUpdates = cap }, time / noises.Length, results.Average(static result => result.Passes),
                results.Average(static result => result.Rows), difference);
        }
    }

    private BlockPlan Choose(BlockMeasurement block) =>
        block.Ways.Where(way => way.Difference <= options.Accuracy).MinBy(static way => way.Duration)!.Plan;

    private static double Difference(float[] tokens, float[] others)
    {
        double largest = 0;
        for (int i = 0; i < tokens.Length; i++)
            largest = Math.Max(largest, Math.Abs(tokens[i] - others[i]));
        return largest;
    }
}
