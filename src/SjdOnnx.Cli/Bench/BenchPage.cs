using System.Xml.Linq;

namespace SjdOnnx.Cli.Bench;

/// <summary>Plot and table on one page that needs no other file and no script.</summary>
internal static class BenchPage
{
    private const string Css = """

        body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #222; background: #fff }
        code { font-size: 90%; overflow-wrap: anywhere }
        svg { max-width: 100%; height: auto }
        .wide { overflow-x: auto }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums }
        th, td { padding: .2rem .6rem; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap }
        th { vertical-align: bottom; white-space: normal }
        .text { text-align: left }
        @media (prefers-color-scheme: dark) {
          body { color: #ddd; background: #16181d }
          th, td { border-color: #3a3d44 }
        }

        """;

    public static string Of(BenchResults results)
    {
        BenchEnvironment environment = results.Environment;
        var html = new XElement("html", new XAttribute("lang", "en"),
            new XElement("head",
                new XElement("meta", new XAttribute("charset", "utf-8")),
                new XElement("meta", new XAttribute("name", "viewport"), new XAttribute("content", "width=device-width")),
                new XElement("meta", new XAttribute("name", "color-scheme"), new XAttribute("content", "light dark")),
                new XElement("title", $"{Printable.Text(environment.Model)}: decoding methods compared"),
                new XElement("style", Css)),
            new XElement("body",
                new XElement("h1", $"{Printable.Text(environment.Model)}: decoding methods compared"),
                new XElement("p", Summary(results)),
                new XElement("p", new XElement("code", results.Options.CommandLine)),
                BenchPlot.Of(results),
                new XElement("div", new XAttribute("class", "wide"), Table(BenchTable.Of(results))),
                new XElement("p", BenchTable.Legend.Replace('\n', ' '))));
        return "<!DOCTYPE html>\n" + html.ToString(SaveOptions.DisableFormatting) + "\n";
    }

    /// <summary>What was measured and where, in a sentence or two.</summary>
    public static string Summary(BenchResults results)
    {
        (BenchOptions options, BenchEnvironment environment) = (results.Options, results.Environment);
        string machine = FormattableString.Invariant(
            $"{environment.Processor}, {environment.Cores} cores, {environment.Threads} threads, {environment.Provider}");
        string pictures = $"{Count(options.Prompts.Count, "prompt")}, {Count(options.Repeats, "repeat")}, seeds from {options.Seed}";
        string end = results.Complete ? "" : " Stopped before the end.";
        return $"{Printable.Text(environment.Model)}, {machine}, ONNX Runtime {environment.OnnxRuntime}: {pictures}.{end}";
    }

    private static XElement Table(BenchTable table) => new("table",
        new XElement("thead", new XElement("tr", table.Headers.Select(header => Cell("th", header, header)))),
        new XElement("tbody", table.Rows.Select(row =>
            new XElement("tr", row.Zip(table.Headers, (text, header) => Cell("td", text, header))))));

    private static XElement Cell(string name, string text, string header) =>
        new(name, BenchTable.IsText(header) ? new XAttribute("class", "text") : null, text);

    private static string Count(int number, string what) => FormattableString.Invariant($"{number} {what}{(number == 1 ? "" : "s")}");
}
