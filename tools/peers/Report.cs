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

    private readonly IReadOnlyList<Sample> _samples;
    private readonly IReadOnlyList<Summary> _summaries;
    private readonly string[] _groups;
    private readonly StringBuilder _text = new();

    private Report(IReadOnlyList<Sample> samples, IReadOnlyList<Summary> summaries)
    {
        (_samples, _summaries) = (samples, summaries);
        _groups = [.. Cell.All(withPyTorch: true, withProgram: true).Select(cell => cell.Group).Distinct()
            .Where(group => summaries.Any(summary => summary.Cell.Group == group))];
    }

    /// <summary>Returns whether the greedy tokens of all engines are equal at fp32.</summary>
    public static bool Write(string @out, int threads)
    {
        IReadOnlyList<Sample> samples = Sample.ReadAll(Path.Combine(@out, "samples.jsonl"));
        IReadOnlyList<Summary> summaries = Summary.Of(samples);
        var report = new Report(samples, summaries);
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
        {
            Console.Error.WriteLine(
                $"{summary.Cell}: greedy token {summary.Agreeing} differs from that of the bare Run; at fp32 they should be equal.");
        }

        return different.Length == 0;
    }

    private static string Machine(int threads)
    {
        string libraries = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "SjdOnnx.Peers.deps.json"));
        return Invariant($"{Processor.Name}, {threads} threads, {RuntimeInformation.OSDescription}, ") +
            Invariant($"{TimeProvider.System.GetLocalNow():yyyy-MM-dd}.\n{RuntimeInformation.FrameworkDescription}, ") +
            $"ONNX Runtime {TextToImage.OnnxRuntimeVersion}, onnxruntime-genai {Version("Microsoft.ML.OnnxRuntimeGenAI")}, " +
            $"LLamaSharp {Version("LLamaSharp")}.\n";

        string Version(string package) => Regex.Match(libraries, $@"""{Regex.Escape(package)}/([^""]+)""").Groups[1].Value;
    }

    /// <summary>The comparisons that matter most, of processes of the same round, since the machine's speed changes over minutes.</summary>
    private void Ratios()
    {
        Heading("Speed compared with another engine, median of rounds (range)");
        Row("SjdOnnx `ar` to onnxruntime-genai, our graph", group => Ratio(group, Cell.Ar, [Cell.GenAi]));
        foreach (string own in (string[])[Cell.Ar, Cell.ArBlocks, Cell.ExactAuto, Cell.Exact8, Cell.McAuto])
        {
            Row($"{Cell.Title(own)} to the fastest other engine", group =>
                Ratio(group, own, [Cell.GenAi, Cell.GenAiBlocks, Cell.LlamaCpp, Cell.PyTorch]));
        }

        foreach (string own in (string[])[Cell.ExactAuto, Cell.Exact8, Cell.McAuto])
            Row($"{Cell.Title(own)} to `ar`", group => Ratio(group, own, [Cell.Ar]));
        Add("");
    }

    /// <summary>Compares with the engine among the others whose median is largest.</summary>
    private string? Ratio(string group, string own, string[] others)
    {
        if (_summaries.Where(each => each.Cell.Group == group && others.Contains(each.Cell.Engine))
            .MaxBy(each => each.TokensPerSecond?.Median)?.Cell is not { } other)
        {
            return null;
        }

        Cell cell = other with { Engine = own };
        IEnumerable<double> ratios =
            from mine in _samples
            from theirs in _samples
            where mine.Cell == cell && theirs.Cell == other && mine.Round == theirs.Round
            select Spread.Of(mine.TokensPerSecond)!.Median / Spread.Of(theirs.TokensPerSecond)!.Median;
        return Spread.Of(ratios) is { } ratio ? Invariant($"{ratio.Median:0.00} ({ratio.Min:0.00}–{ratio.Max:0.00})") : null;
    }

    private void Table(string title, Func<Summary, string?> show)
    {
        Heading(title);
        foreach (string engine in Cell.Engines)
        {
            Row(Cell.Title(engine), group =>
                _summaries.FirstOrDefault(summary => summary.Cell.Group == group && summary.Cell.Engine == engine) is { } found
                    ? show(found)
                    : null);
        }

        Add("");
    }

    private void Heading(string title) => Add(
        $"### {title}\n\n| | " + string.Join(" | ", _groups) + " |\n|---" + string.Concat(Enumerable.Repeat("|---", _groups.Length)) + "|");

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
