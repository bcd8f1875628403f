using System.Runtime.InteropServices;
using System.Text;
using System.Xml.Linq;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Bench;

/// <summary>What <c>sjd bench</c> does: load, measure, print, write.</summary>
internal sealed class Comparison(BenchOptions options, BenchModels models, IProgressDisplay display)
{
    /// <returns>The exit code.</returns>
    /// <exception cref="CommandException">A file cannot be written, or there is no such model.</exception>
    /// <exception cref="StoppedException">Cancelled; what was measured until then is printed and written.</exception>
    public static async Task<int> RunAsync(BenchOptions options, CancellationToken cancellation)
    {
        string folder = ModelLocation.Find(options.Model);
        CheckWritable(options);

        IProgressDisplay display = IProgressDisplay.ForStandardError();
        using var models = new BenchModels(options);
        IReadOnlyList<string> precisions = await display.LoadAsync(
            $"loading {folder}", () => Task.Run(() => Load(models, folder, options)));
        cancellation.ThrowIfCancellationRequested();

        BenchPlan plan = BenchPlan.Of(options, precisions, models.Description.DefaultInitialisation);
        await new Comparison(options, models, display).RunAsync(plan, new PeakMemory(options, folder), cancellation);
        return ExitCode.Done;
    }

    private static void CheckWritable(BenchOptions options)
    {
        string[] files = [.. new[] { options.Json, options.Html, options.Svg }.OfType<string>()];
        foreach (string file in files)
            OutputFile.CheckWritable(file);
        if (files.GroupBy(Path.GetFullPath).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            throw new CommandException(ExitCode.Usage,
                $"'{twice.First()}' is to be written twice; give --json, --html and --svg names of their own.");
        }
    }

    /// <summary>Nothing is loaded before every precision is known to be one.</summary>
    /// <returns>The precisions' names.</returns>
    private static IReadOnlyList<string> Load(BenchModels models, string folder, BenchOptions options)
    {
        ModelDescription description = ModelDescription.Read(folder);
        IReadOnlyList<string> precisions = options.Precisions switch
        {
            null => [description.Precision],
            [CheckedOption.All] => description.Precisions,
            IReadOnlyList<string> some => some,
        };
        if (precisions.FirstOrDefault(name => !description.Precisions.Contains(name)) is string unknown)
        {
            throw new CommandException(ExitCode.Model,
                $"--precisions names '{unknown}'; this model has {string.Join(", ", description.Precisions)}.");
        }

        foreach (string precision in precisions)
            BatchLimit.Check("--batches", options.Batches.Max(), ModelDescription.Read(folder, precision));
        foreach (string precision in precisions)
            models.Load(folder, precision);
        return precisions;
    }

    private async Task RunAsync(BenchPlan plan, PeakMemory memory, CancellationToken cancellation)
    {
        foreach (BenchCell cell in plan.WithoutRoom)
            Print.Note($"{NameOf(cell)} is left out: a draft takes a step in each pass, and the window has fewer drafts than steps.");
        var run = new BenchRun(plan, options.Warmup, models.DrawAsync, options.AllMethods ? NoteLeftOut : null);
        IReadOnlyDictionary<(string, int), long> peaks = new Dictionary<(string, int), long>();
        IReadOnlyList<PassCostTable> costs = [];
        try
        {
            peaks = await display.LoadAsync("measuring memory", () => MeasureMemoryAsync(plan, memory, cancellation));
            costs = await display.LoadAsync("measuring pass costs", () => models.MeasureCostsAsync(plan.Cells, cancellation));
            Print.Note(FormattableString.Invariant(
                $"{plan.Cells.Count} cells draw {plan.Turns.Sum(turn => turn.Count)} pictures each, in {plan.Turns.Count} turns."));
            await display.WorkAsync("measuring", progress => run.MeasureAsync(progress, cancellation));
            Publish(run.Measured, peaks, costs, complete: true);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            Publish(run.Measured, peaks, costs, complete: false);
            throw new StoppedException(
                run.Measured.Count == 0
                    ? "Stopped before anything was measured."
                    : $"Stopped after {run.Turns} of {plan.Turns.Count} turns; what was measured is above.",
                cancellation);
        }
    }

    private static void NoteLeftOut(BenchCell cell, RequestException error) =>
        Print.Note($"{NameOf(cell)} is left out: {error.Message}");

    private static string NameOf(BenchCell cell) => $"{cell.Precision}, {cell.Name}, window {BenchTable.Window(cell)}";

    /// <summary>Of each precision and batch once, with the largest window: methods and windows hardly differ.</summary>
    private static async Task<IReadOnlyDictionary<(string, int), long>> MeasureMemoryAsync(
        BenchPlan plan, PeakMemory memory, CancellationToken cancellation)
    {
        var peaks = new Dictionary<(string, int), long>();
        foreach (IGrouping<(string, int), BenchCell> group in plan.Cells.GroupBy(cell => (cell.Precision, cell.Batch)))
        {
            if (await memory.OfAsync(group.MaxBy(cell => cell.MostDrafts)!, cancellation) is long bytes)
                peaks.Add(group.Key, bytes);
        }

        return peaks;
    }

    private void Publish(
        IReadOnlyList<CellSummary> cells, IReadOnlyDictionary<(string, int), long> peaks, IReadOnlyList<PassCostTable> costs, bool complete)
    {
        if (cells.Count == 0)
            return;

        var results = new BenchResults(options, EnvironmentNow(), cells, peaks, costs, complete);
        Print.Data(BenchTable.Of(results).ToText(Console.IsOutputRedirected ? null : Console.WindowWidth));
        Print.Note(BenchPage.Summary(results));
        foreach (string line in BenchTable.Legend.Split('\n'))
            Print.Note(line);
        if (options.Json is string json)
            Write(json, BenchReport.Of(results).ToJson());
        if (options.Html is string html)
            Write(html, BenchPage.Of(results));
        if (options.Svg is string svg)
            Write(svg, BenchPlot.Of(results).ToString(SaveOptions.DisableFormatting) + "\n");
    }

    private static void Write(string path, string text) => OutputFile.Replace(path, Encoding.UTF8.GetBytes(text));

    private BenchEnvironment EnvironmentNow() => new(
        Processor.Name, Environment.ProcessorCount, models.Settings!.Threads, options.Loading.Provider,
        RuntimeInformation.OSDescription, RuntimeInformation.FrameworkDescription,
        TextToImage.OnnxRuntimeVersion, models.Description.Name, models.Description.Hash, TimeProvider.System.GetUtcNow());
}
