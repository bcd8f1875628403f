using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using SjdOnnx.Cli.Generate;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Decoding;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Bench;

/// <summary>What <c>sjd bench</c> does: load the model, measure, print the table and write the files.</summary>
internal sealed class BenchRun(BenchOptions options, BenchPlan plan, BenchModels models, IProgressDisplay display)
{
    /// <returns>The exit code.</returns>
    /// <exception cref="CommandException">
    /// A file cannot be written, there is no such model, or the model does not support a precision, batch or method.
    /// </exception>
    /// <exception cref="StoppedException">Cancelled; what was measured until then has been printed and written.</exception>
    /// <exception cref="InferenceException">A graph failed; what was measured until then has been printed and written.</exception>
    public static async Task<int> RunAsync(BenchOptions options, CancellationToken cancellation)
    {
        string folder = ModelLocation.Find(options.Model);
        CheckWritable(options);
        ModelDescription model = ModelDescription.Read(folder);
        Precision[] precisions = [.. options.Precisions switch
        {
            null => [model.Precision],
            [] => model.Precisions,
            _ => options.Precisions,
        }];
        if (precisions.Except(model.Precisions).ToArray() is [Precision unknown, ..])
        {
            throw new CommandException(ExitCode.Model,
                $"--precisions names '{unknown}'; this model has {string.Join(", ", model.Precisions)}.");
        }

        foreach (Precision precision in precisions)
            options = WhatModelSupports(options, ModelDescription.Read(folder, precision));
        BenchPlan plan = BenchPlan.Of(options, precisions, model.DefaultInitialization);

        IProgressDisplay display = IProgressDisplay.ForStandardError();
        await using var models = new BenchModels(options);
        if (options.MemoryOf is int index)
        {
            BenchCell cell = plan.Cells[index];
            await models.LoadAsync(folder, cell.Precision, cell.Batch, display, cancellation);
            await models.DrawAsync(cell, [.. plan.Turns[0].Take(cell.Batch)], cancellation);
            Print.Data(GenerateReport.PeakMemoryNow() is long bytes ? bytes.ToString(CultureInfo.InvariantCulture) : "");
            return ExitCode.Done;
        }

        foreach (Precision precision in precisions)
            await models.LoadAsync(folder, precision, options.Batches.Max(), display, cancellation);
        await new BenchRun(options, plan, models, display).RunAsync(cancellation);
        return ExitCode.Done;
    }

    private static void CheckWritable(BenchOptions options)
    {
        string[] files = [.. new[] { options.Json, options.Html, options.Svg }.OfType<string>()];
        foreach (string file in files)
            OutputFile.CheckWritable(file);
        if (files.GroupBy(OutputFile.Target).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            throw new CommandException(ExitCode.Usage,
                $"'{twice.First()}' would be written twice; give --json, --html and --svg the names of different files.");
        }
    }

    /// <returns><paramref name="options"/> without methods that the model does not support.</returns>
    /// <exception cref="CommandException">The user named such a method, or there is no graph for a batch.</exception>
    private static BenchOptions WhatModelSupports(BenchOptions options, ModelDescription model)
    {
        ModelArguments.CheckBatch("--batches", options.Batches.Max(), model);
        foreach (MethodDescriptor method in options.Methods.Where(method => !model.Supports(method)))
        {
            string why = method switch
            {
                { ReadsNoise: true } when model.DefaultDenoisingSteps is null => $"{model.Name} was not fine-tuned to read noise",
                { ReadsNoise: true } when method.HasTimesteps != model.HasTimesteps =>
                    $"{model.Name} was fine-tuned by another recipe than {method} needs",
                _ => $"{model.Name} has no graph for trees at {model.Precision}",
            };
            if (!options.AllMethods)
                throw new CommandException(ExitCode.Request, $"--methods names '{method}'; {why}, so leave it out.");
            Print.Note($"{method} is left out: {why}.");
        }

        return options with { Methods = [.. options.Methods.Where(model.Supports)] };
    }

    private async Task RunAsync(CancellationToken cancellation)
    {
        var turns = new BenchTurns(plan, options.Warmup, models.DrawAsync, NoteLeftOut, needsAll: !options.AllMethods);
        var peaks = new Dictionary<(Precision, int), long>();
        IReadOnlyList<PassCostTable> costs = [];
        try
        {
            await display.WaitAsync("measuring memory", () => MeasureMemoryAsync(peaks, cancellation));
            costs = await display.WaitAsync("measuring pass costs", () => models.MeasureCostsAsync(plan.Cells, cancellation));
            Print.Note(
                $"{Printable.Count(plan.Cells.Count, "cell")}, each with {Printable.Count(plan.Turns.Sum(turn => turn.Count), "image")} " +
                $"in {Printable.Count(plan.Turns.Count, "turn")}.");
            await display.WorkAsync("measuring", progress => turns.MeasureAsync(progress, cancellation));
            Publish(turns.Measured, peaks, costs, complete: true);
        }
        catch (InferenceException)
        {
            Publish(turns.Measured, peaks, costs, complete: false);
            throw;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            Publish(turns.Measured, peaks, costs, complete: false);
            throw new StoppedException(
                turns.Measured.Count == 0
                    ? "Stopped before anything was measured."
                    : $"Stopped after {turns.Turns} of {Printable.Count(plan.Turns.Count, "turn")}; what was measured is above.",
                cancellation);
        }
    }

    private static void NoteLeftOut(BenchCell cell, RequestException error) =>
        Print.Note($"{cell.Precision}, {cell.Name}, window {BenchReport.Window(cell)} is left out: {error.Message}");

    /// <summary>Measures each precision and batch once, with the largest window: methods and windows hardly differ.</summary>
    /// <returns>How many were measured.</returns>
    private async Task<int> MeasureMemoryAsync(Dictionary<(Precision, int), long> peaks, CancellationToken cancellation)
    {
        foreach (IGrouping<(Precision Precision, int Batch), int> group in Enumerable.Range(0, plan.Cells.Count)
            .GroupBy(index => (plan.Cells[index].Precision, plan.Cells[index].Batch)))
        {
            (Precision precision, int batch) = group.Key;
            (long? bytes, string why) = await MeasureMemoryAsync(group.MaxBy(index => plan.Cells[index].MaxDrafts), cancellation);
            if (bytes is long peak)
                peaks.Add((precision, batch), peak);
            else
                Print.Note(FormattableString.Invariant($"Peak memory at {precision}, batch {batch}, was not measured: {why}"));
        }

        return peaks.Count;
    }

    /// <summary>
    /// Starts this program again, with the same arguments, to draw one batch of one cell and nothing else: a process's peak memory never
    /// falls, so cells that share a process cannot be told apart.
    /// </summary>
    /// <returns>The peak resident memory in bytes; or null, and why it is not known.</returns>
    /// <exception cref="OperationCanceledException">Cancelled; the process has ended.</exception>
    private static async Task<(long? Bytes, string Why)> MeasureMemoryAsync(int cell, CancellationToken cancellation)
    {
        // Either the program has its own host, or dotnet was given its assembly.
        string host = Environment.ProcessPath!;
        string assembly = Path.Combine(AppContext.BaseDirectory, $"{typeof(BenchRun).Assembly.GetName().Name}.dll");
        string[] program = Path.GetFileNameWithoutExtension(host) == "dotnet" ? [assembly] : [];
        string[] arguments = [.. Environment.GetCommandLineArgs().Skip(1)];
        string[] one = [arguments[0], BenchCommand.MemoryOption, cell.ToString(CultureInfo.InvariantCulture), .. arguments[1..]];
        using Process process = Process.Start(new ProcessStartInfo(host, [.. program, .. one])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(cancellation);
            Task<string> error = process.StandardError.ReadToEndAsync(cancellation);
            await process.WaitForExitAsync(cancellation);
            if (process.ExitCode != ExitCode.Done)
                return (null, (await error).TrimEnd().Split('\n')[^1].Replace("sjd: ", "", StringComparison.Ordinal));
            return long.TryParse(await output, NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out long bytes)
                ? (bytes, "")
                : (null, "This system does not report it.");
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
            throw;
        }
    }

    private void Publish(
        IReadOnlyList<CellSummary> cells, IReadOnlyDictionary<(Precision, int), long> peaks, IReadOnlyList<PassCostTable> costs,
        bool complete)
    {
        if (cells.Count == 0)
            return;

        var results = new BenchResults(options, EnvironmentNow(), cells, peaks, costs, complete);
        Print.Data(BenchReport.TableOf(results).ToText(Print.Width));
        Print.Note(BenchPage.Summary(results));
        foreach (string line in BenchReport.Legend.Split('\n'))
            Print.Note(line);
        if (options.Json is string json)
            Write(json, BenchReport.Of(results).ToJson());
        if (options.Html is string html)
            Write(html, BenchPage.Of(results));
        if (options.Svg is string svg)
            Write(svg, BenchPlot.Of(results));
    }

    private static void Write(string path, string text) => OutputFile.Replace(path, Encoding.UTF8.GetBytes(text));

    private BenchEnvironment EnvironmentNow() => new(
        Processor.Name, Environment.ProcessorCount, models.Settings!.Threads, options.Loading.Provider.Name(),
        RuntimeInformation.OSDescription, RuntimeInformation.FrameworkDescription,
        TextToImage.OnnxRuntimeVersion, models.Description.Name, models.Description.Hash, TimeProvider.System.GetUtcNow());
}
