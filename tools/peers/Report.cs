using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using SjdOnnx.Runtime;

namespace SjdOnnx.Peers;

/// <summary>Writes peers.json and peers.md.</summary>
internal sealed class Report
{
    private static readonly JsonSerializerOptions Indented = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private readonly IReadOnlyList<Summary> _summaries;
    private readonly string[] _groups;
    private readonly StringBuilder _text = new();

    private Report(IReadOnlyList<Summary> summaries)
    {
        _summaries = summaries;
        _groups = [.. summaries.Select(summary => summary.Cell.Group).Distinct().Order()];
    }

    /// <summary>Returns whether the greedy tokens of all engines are equal at fp32.</summary>
    public static bool Write(string @out, int threads)
    {
        IReadOnlyList<Summary> summaries = Summary.Of(Sample.ReadAll(Path.Combine(@out, "samples.jsonl")));
        var report = new Report(summaries);
        report.Add(Machine(threads));
        report.Table("Tokens per second, median (range)", summary => summary.TokensPerSecond is { } speed
            ? Invariant($"{speed.Median:0} ({speed.Min:0}–{speed.Max:0})")
            : null);
        report.Ratios();
        report.Table("Start in seconds, medians: load / process start to first token / process start to the whole image", summary =>
            summary.FirstImage is not { } image ? null
            : summary.Load is { } load ? Invariant($"{load.Median:0.00} / {summary.FirstToken!.Median:0.00} / {image.Median:0.00}")
            : Invariant($"– / – / {image.Median:0.00}"));
        report.Table("Peak memory in MB, median", summary => summary.PeakMegabytes is { } peak ? Invariant($"{peak.Median:0}") : null);
        report.Table("Greedy tokens until the first that differs from the bare Run", summary =>
            summary.Agreeing is { } agreeing ? Invariant($"{agreeing} of {summary.Tokens}") : null);
        File.WriteAllText(Path.Combine(@out, "peers.md"), report._text.ToString());
        File.WriteAllText(Path.Combine(@out, "peers.json"), JsonSerializer.Serialize(summaries, Indented) + "\n");
        Console.Write(report._text);

        Summary[] different = [.. summaries.Where(each => each.Cell.Precision == "fp32" && each.Agreeing is { } n && n < each.Tokens)];
        foreach (Summary summary in different)
            Console.Error.WriteLine($"{summary.Cell}: greedy token {summary.Agreeing} differs from that of the bare Run, and should be equal.");
        return different.Length == 0;
    }

    private static string Machine(int threads)
    {
        string libraries = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "SjdOnnx.Peers.deps.json"));
        return Invariant($"{Processor.Name}, {threads} threads, {RuntimeInformation.OSDescription}, ") +
            Invariant($"{TimeProvider.System.GetLocalNow():yyyy-MM-dd}. {RuntimeInformation.FrameworkDescription}, ") +
            $"ONNX Runtime {TextToImage.OnnxRuntimeVersion}, onnxruntime-genai {Version("Microsoft.ML.OnnxRuntimeGenAI")}, " +
            $"LLamaSharp {Version("LLamaSharp")}.\n";

        string Version(string package) => Regex.Match(libraries, $@"""{Regex.Escape(package)}/([^""]+)""").Groups[1].Value;
    }

    /// <summary>The two comparisons that matter to users: the baseline with onnxruntime-genai, and the default with the best other engine.</summary>
    private void Ratios()
    {
        Add("| | " + string.Join(" | ", _groups) + " |");
        Add("|---" + string.Concat(Enumerable.Repeat("|---", _groups.Length)) + "|");
        Row("`ar` to the better genai", group => Ratio(group, [Cell.Ar], [Cell.GenAi, Cell.GenAiBlocks]));
        Row("`exact` auto to the best other engine", group => Ratio(
            group, [Cell.ExactAuto], [Cell.GenAi, Cell.GenAiBlocks, Cell.LlamaCpp, Cell.PyTorch]));
        Add("");
    }

    private string? Ratio(string group, string[] own, string[] others) =>
        Best(group, own) / Best(group, others) is { } ratio ? Invariant($"{ratio:0.00}") : null;

    private double? Best(string group, string[] engines) => _summaries
        .Where(summary => summary.Cell.Group == group && engines.Contains(summary.Cell.Engine))
        .Max(summary => summary.TokensPerSecond?.Median);

    private void Table(string title, Func<Summary, string?> show)
    {
        Add($"### {title}\n");
        Add("| | " + string.Join(" | ", _groups) + " |");
        Add("|---" + string.Concat(Enumerable.Repeat("|---", _groups.Length)) + "|");
        foreach (string engine in Cell.Engines)
        {
            Row(Cell.Title(engine), group =>
                _summaries.FirstOrDefault(summary => summary.Cell.Group == group && summary.Cell.Engine == engine) is { } found
                    ? show(found)
                    : null);
        }

        Add("");
    }

    /// <summary>A row, unless all its fields are empty.</summary>
    private void Row(string title, Func<string, string?> show)
    {
        string?[] fields = [.. _groups.Select(show)];
        if (fields.Any(field => field is not null))
            Add($"| {title} | " + string.Join(" | ", fields.Select(field => field ?? "–")) + " |");
    }

    private void Add(string line) => _text.Append(line).Append('\n');

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
