using System.Globalization;
using System.Text.Json;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Flows;
using SjdOnnx.Runtime;
using static System.FormattableString;

namespace SjdOnnx.Cli.Flow;

/// <summary>What <c>sjd flow</c> does, once its options are known.</summary>
internal sealed class FlowRun
{
    private const string All = "all";
    private const string None = "none";
    private const int Columns = 8;

    public required string Model { get; init; }

    public required ModelLoadOptions Loading { get; init; }

    /// <summary>A name or a number, "all", "none", or null for all.</summary>
    public required string? Class { get; init; }

    public required ulong Seed { get; init; }

    public required int? Count { get; init; }

    public required FlowGuidance Guidance { get; init; }

    /// <summary>--denoise; null if it was not given.</summary>
    public required float? Denoising { get; init; }

    public required FlowWay Way { get; init; }

    public required bool WantsAccuracy { get; init; }

    public required string? Output { get; init; }

    public required string? Folder { get; init; }

    public required int Enlarge { get; init; }

    public required bool Json { get; init; }

    public async Task SampleAsync(CancellationToken cancellation)
    {
        if (Output is not null)
            OutputFile.CheckWritable(Output);
        if (Folder is not null)
            OutputFile.CreateFolder(Folder);
        IProgressDisplay display = IProgressDisplay.ForStandardError();
        await using FlowModel model = await LoadAsync(display, cancellation);
        FlowPlan plan = Way.For(model);
        List<FlowOptions> wanted = Wanted(model.Description, plan);
        if (WantsAccuracy && wanted[0].Class is null)
            throw new CommandException(ExitCode.Usage, "--accuracy needs samples of a class; choose one with --class, or all.");
        var reports = new List<SampleReport>();
        var images = new List<RgbImage>();
        int right = 0;
        await display.WorkAsync("sampling", async progress =>
        {
            foreach (FlowOptions options in wanted)
            {
                FlowSample sample = await model.SampleAsync(options, cancellationToken: cancellation);
                if (WantsAccuracy)
                    right += await IsLikeliestAsync(model, sample, cancellation) ? 1 : 0;
                images.Add(sample.Image);
                reports.Add(Write(model.Description, sample));
                int done = reports.Count;
                progress.Report(new WorkProgress((double)done / wanted.Count, () => Invariant($"{done}/{wanted.Count} samples")));
            }

            return reports.Count;
        });
        if (Output is not null)
            OutputFile.Replace(Output, ImageGrid.Of(images, Columns, Enlarge).Encode());
        var report = new FlowReport(model.Description.Name, Seed, Way.Name, reports, WantsAccuracy ? (double)right / wanted.Count : null);
        Print.Data(Json ? JsonSerializer.Serialize(report, FlowReportJson.Default.FlowReport) : report.ToText(Print.Width));
    }

    public async Task CompareAsync(CancellationToken cancellation)
    {
        IProgressDisplay display = IProgressDisplay.ForStandardError();
        await using FlowModel model = await LoadAsync(display, cancellation);
        var comparison = new FlowComparison(model, Way, Wanted(model.Description, FlowPlan.Sequential(model.Description.Blocks)));
        ComparisonReport report = await display.WorkAsync("comparing", progress => comparison.RunAsync(progress, cancellation));
        Print.Data(Json ? JsonSerializer.Serialize(report, FlowReportJson.Default.ComparisonReport) : report.ToText(Print.Width));
    }

    /// <param name="file">Where the plan is written.</param>
    /// <param name="cancellation">Ends the measurement.</param>
    public async Task MeasureAsync(string file, CancellationToken cancellation)
    {
        OutputFile.CheckWritable(file);
        IProgressDisplay display = IProgressDisplay.ForStandardError();
        await using FlowModel model = await LoadAsync(display, cancellation);
        var options = new FlowMeasureOptions { Samples = Math.Min(Count ?? 8, 1000), Tolerance = Way.Block.Tolerance };
        FlowMeasurement measured = await display.WorkAsync("measuring", progress => model.MeasureAsync(
            options, new DirectProgress<double>(share => progress.Report(new WorkProgress(share, () => Invariant($"{share:P0}")))),
            cancellation));
        OutputFile.Replace(file, System.Text.Encoding.UTF8.GetBytes(FlowPlanText.Format(measured.Plan)));
        var report = MeasureReport.Of(measured, file);
        Print.Data(Json ? JsonSerializer.Serialize(report, FlowReportJson.Default.MeasureReport) : report.ToText(Print.Width));
    }

    private async Task<FlowModel> LoadAsync(IProgressDisplay display, CancellationToken cancellation)
    {
        FlowModel model = await display.WaitAsync(
            $"loading {new DirectoryInfo(Model).Name}", () => FlowModel.LoadAsync(Model, Loading, cancellation));
        Print.License(model.Description);
        return model;
    }

    private List<FlowOptions> Wanted(FlowModelDescription model, FlowPlan plan)
    {
        int classes = model.Classes.Count;
        Func<int, int?> classOf = (Class ?? (classes == 0 ? None : All)) switch
        {
            None => _ => null,
            All when classes > 0 => i => i % classes,
            string name => Fixed(NumberOf(name, model)),
        };
        var options = new FlowOptions { Seed = Seed, Guidance = Guidance, Denoising = Denoising, Plan = plan };
        int count = Count ?? (Class is null or All ? Math.Max(1, classes) : 1);
        return [.. Enumerable.Range(0, count).Select(i => options with { Index = (uint)i, Class = classOf(i) })];

        static Func<int, int?> Fixed(int number) => _ => number;
    }

    private static int NumberOf(string name, FlowModelDescription model)
    {
        int number = model.Classes.ToList().IndexOf(name);
        if (number >= 0)
            return number;
        if (int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number < model.Classes.Count)
            return number;
        throw new CommandException(ExitCode.Request, model.Classes.Count == 0
            ? $"The model {model.Name} has no classes; leave --class out."
            : $"The model {model.Name} has no class '{name}'; it must be one of {string.Join(", ", model.Classes)}, or a number from 0 " +
                Invariant($"to {model.Classes.Count - 1}."));
    }

    private static async Task<bool> IsLikeliestAsync(FlowModel model, FlowSample sample, CancellationToken cancellation)
    {
        IReadOnlyList<double> densities = await model.LogDensitiesAsync(sample.Tokens, cancellation);
        return densities[sample.Options.Class!.Value] == densities.Max();
    }

    private SampleReport Write(FlowModelDescription model, FlowSample sample)
    {
        string? name = sample.Options.Class is int label ? model.Classes[label] : null;
        string? file = null;
        if (Folder is not null)
        {
            file = Path.Combine(Folder, Invariant($"{Seed}-{sample.Options.Index:D4}{(name is null ? "" : $"-{Safe(name)}")}.png"));
            OutputFile.Replace(file, ImageGrid.Of([sample.Image], 1, Enlarge).Encode());
        }

        return new SampleReport(
            sample.Options.Index, name, sample.Calls, sample.RowEvaluations, sample.Duration.TotalSeconds,
            sample.Blocks.Sum(static block => block.Restarts), sample.Blocks.Sum(static block => block.Fallbacks), file);
    }

    /// <summary>A class name as a part of a file name.</summary>
    private static string Safe(string name) =>
        string.Concat(name.Select(static letter => char.IsAsciiLetterOrDigit(letter) ? letter : '_'));
}
