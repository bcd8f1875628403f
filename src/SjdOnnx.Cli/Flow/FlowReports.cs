using System.Text.Json.Serialization;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Flows;
using SjdOnnx.Runtime;
using static System.FormattableString;

namespace SjdOnnx.Cli.Flow;

/// <param name="Index">Of the sample in its series.</param>
/// <param name="Calls">Runs of a network.</param>
/// <param name="RowEvaluations">Tokens that these runs read.</param>
/// <param name="Restarts">Segments that overflowed and began again.</param>
/// <param name="Fallbacks">Segments that overflowed again and were solved one token after another.</param>
internal sealed record SampleReport(
    uint Index, string? Class, int Calls, long RowEvaluations, double Seconds, int Restarts, int Fallbacks, string? File);

/// <summary>What flow prints of its samples.</summary>
/// <param name="Accuracy">The share of samples that are likeliest in their own class; null if that was not asked for.</param>
internal sealed record FlowReport(string Model, ulong Seed, string Way, IReadOnlyList<SampleReport> Samples, double? Accuracy)
{
    public string ToText(int? width)
    {
        var table = new TextTable(
            new("sample", IsNumber: true), new("class"), new("calls", IsNumber: true), new("tokens read", IsNumber: true),
            new("seconds", IsNumber: true));
        foreach (SampleReport sample in Samples)
        {
            table.Add(
                Invariant($"{sample.Index}"), sample.Class ?? "any", Invariant($"{sample.Calls}"), Invariant($"{sample.RowEvaluations}"),
                Invariant($"{sample.Seconds:F3}"));
        }

        string text = table.ToText(width);
        int restarts = Samples.Sum(static sample => sample.Restarts);
        if (restarts > 0)
        {
            text += Invariant($"\n{restarts} segments overflowed and began again, ") +
                Invariant($"{Samples.Sum(static sample => sample.Fallbacks)} of them one token after another.");
        }

        return Accuracy is double share ? text + Invariant($"\n{share:P1} of the samples are likeliest in their own class.") : text;
    }
}

/// <summary>A way to sample, compared with one token after another.</summary>
/// <param name="Calls">Runs of a network for a sample, the mean.</param>
/// <param name="RowEvaluations">Tokens that these runs read, the mean.</param>
/// <param name="Seconds">For a sample, the median.</param>
/// <param name="Speedup">Times as fast as one token after another.</param>
/// <param name="MaxDifference">In any number of any sample; numbers of pictures are from −1 to 1.</param>
/// <param name="MeanDifference">Of all numbers.</param>
/// <param name="ChangedPixels">The share of color values from 0 to 255 that are not equal.</param>
internal sealed record WayReport(
    string Way, double Calls, double RowEvaluations, double Seconds, double Speedup, double MaxDifference, double MeanDifference,
    double ChangedPixels)
{
    public static WayReport Of(string way, IReadOnlyList<FlowSample> samples, IReadOnlyList<FlowSample> sequential)
    {
        double seconds = Median(samples);
        (double largest, double sum, long changed, long numbers) = (0, 0, 0, 0);
        for (int i = 0; i < samples.Count; i++)
        {
            float[] tokens = [.. samples[i].Tokens], solution = [.. sequential[i].Tokens];
            largest = Math.Max(largest, Difference(tokens, solution));
            sum += tokens.Zip(solution, static (a, b) => (double)Math.Abs(a - b)).Sum();
            numbers += tokens.Length;
            ReadOnlySpan<byte> bytes = samples[i].Image.Rgb.Span, others = sequential[i].Image.Rgb.Span;
            for (int j = 0; j < bytes.Length; j++)
                changed += bytes[j] == others[j] ? 0 : 1;
        }

        return new WayReport(
            way, samples.Average(static sample => sample.Calls), samples.Average(static sample => sample.RowEvaluations), seconds,
            Median(sequential) / seconds, largest, sum / numbers, (double)changed / numbers);
    }

    public static double Difference(ReadOnlySpan<float> tokens, ReadOnlySpan<float> others)
    {
        double largest = 0;
        for (int i = 0; i < tokens.Length; i++)
            largest = Math.Max(largest, Math.Abs(tokens[i] - others[i]));
        return largest;
    }

    private static double Median(IReadOnlyList<FlowSample> samples) =>
        samples.Select(static sample => sample.Duration.TotalSeconds).Order().ElementAt(samples.Count / 2);
}

/// <param name="Block">Its number.</param>
/// <param name="ByUpdate">The largest difference to the solution after 1, 2, … updates of all tokens at once.</param>
internal sealed record BlockDifferences(int Block, IReadOnlyList<double> ByUpdate);

/// <summary>What flow --compare prints.</summary>
internal sealed record ComparisonReport(
    string Model, int Tokens, int Samples, IReadOnlyList<WayReport> Ways, IReadOnlyList<BlockDifferences> Differences)
{
    private static readonly int[] Shown = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 192, 256, 512, 1024];

    public string ToText(int? width)
    {
        var ways = new TextTable(
            new("way"), new("calls", IsNumber: true), new("tokens read", IsNumber: true), new("ms", IsNumber: true),
            new("x", IsNumber: true), new("max |diff|", IsNumber: true), new("mean |diff|", IsNumber: true),
            new("pixel values changed", IsNumber: true));
        foreach (WayReport way in Ways)
        {
            ways.Add(
                way.Way, Invariant($"{way.Calls:F0}"), Invariant($"{way.RowEvaluations:F0}"), Invariant($"{1000 * way.Seconds:F1}"),
                Invariant($"{way.Speedup:F2}"), Invariant($"{way.MaxDifference:G2}"), Invariant($"{way.MeanDifference:G2}"),
                Invariant($"{100 * way.ChangedPixels:F2} %"));
        }

        var updates = new TextTable(
        [
            new("update", IsNumber: true),
            .. Differences.Select(static block => new Column(Invariant($"block {block.Block}"), IsNumber: true)),
        ]);
        int most = Differences.Max(static block => block.ByUpdate.Count);
        foreach (int update in Shown.Where(update => update <= most))
        {
            updates.Add([Invariant($"{update}"), .. Differences.Select(
                block => update <= block.ByUpdate.Count ? Invariant($"{block.ByUpdate[update - 1]:G2}") : "stands")]);
        }

        return Invariant($"{Model}: {Tokens} tokens, {Samples} samples; seconds are medians\n\n") + ways.ToText(width) +
            "\n\nLargest difference to the solution after each update of all tokens at once\n\n" + updates.ToText(width);
    }
}

/// <param name="Segments">0 for one token after another.</param>
internal sealed record MeasuredWay(
    int Segments, int? MaxUpdates, double Calls, double RowEvaluations, double Seconds, double MaxDifference, bool Chosen);

/// <param name="Crm">The convergence ranking metric.</param>
/// <param name="CrmShare">Its share in that of all blocks.</param>
/// <param name="IgmNoise">The initial guessing metric of noise.</param>
/// <param name="IgmZeros">The initial guessing metric of zeros.</param>
/// <param name="Guess">The better of the two.</param>
internal sealed record MeasuredBlock(
    int Block, double Crm, double CrmShare, double IgmNoise, double IgmZeros, string Guess, IReadOnlyList<MeasuredWay> Ways);

/// <summary>What flow --measure prints.</summary>
internal sealed record MeasureReport(IReadOnlyList<MeasuredBlock> Blocks, string Plan)
{
    public static MeasureReport Of(FlowMeasurement measured, string file) => new(
        [.. measured.Blocks.Select((block, i) => new MeasuredBlock(
            block.Metrics.Block, block.Metrics.Convergence, block.Share, block.Metrics.NoiseError, block.Metrics.ZerosError,
            block.Metrics.Guess == InitialGuess.Noise ? "noise" : "zeros",
            [.. block.Ways.Select(way => new MeasuredWay(
                way.Plan.Segments, way.Plan.MaxUpdates, way.Passes, way.Rows, way.Duration.TotalSeconds, way.Difference,
                way.Plan == measured.Plan.Blocks[i]))]))],
        file);

    public string ToText(int? width)
    {
        var metrics = new TextTable(
            new("block", IsNumber: true), new("CRM", IsNumber: true), new("CRM share", IsNumber: true), new("IGM noise", IsNumber: true),
            new("IGM zeros", IsNumber: true), new("guess"));
        var ways = new TextTable(
            new("block", IsNumber: true), new("segments", IsNumber: true), new("calls", IsNumber: true), new("tokens read", IsNumber: true),
            new("ms", IsNumber: true), new("max |diff|", IsNumber: true), new("plan"));
        foreach (MeasuredBlock block in Blocks)
        {
            metrics.Add(
                Invariant($"{block.Block}"), Invariant($"{block.Crm:G3}"), Invariant($"{100 * block.CrmShare:F1} %"),
                Invariant($"{block.IgmNoise:G3}"), Invariant($"{block.IgmZeros:G3}"), block.Guess);
            foreach (MeasuredWay way in block.Ways)
            {
                ways.Add(
                    Invariant($"{block.Block}"), way.Segments == 0 ? "sequential" : Invariant($"{way.Segments}"),
                    Invariant($"{way.Calls:F1}"),
                    Invariant($"{way.RowEvaluations:F0}"), Invariant($"{1000 * way.Seconds:F2}"), Invariant($"{way.MaxDifference:G2}"),
                    way.Chosen ? "chosen" : "");
            }
        }

        return $"{metrics.ToText(width)}\n\n{ways.ToText(width)}\n\nThe plan is in {Printable.Text(Plan)}.";
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)] // an iterate can overflow on its way to a finite solution
[JsonSerializable(typeof(FlowReport))]
[JsonSerializable(typeof(ComparisonReport))]
[JsonSerializable(typeof(MeasureReport))]
internal sealed partial class FlowReportJson : JsonSerializerContext
{
}
