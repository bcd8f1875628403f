using System.Globalization;
using System.Xml.Linq;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Bench;

/// <summary>Tokens per pass and seconds against the window, a line for each method, as an SVG that needs nothing beside it and follows the
/// reader's choice of light or dark.</summary>
internal sealed class BenchPlot
{
    private const double PanelWidth = 380;
    private const double PanelHeight = 230;
    private const double Left = 58;
    private const double Right = 18;
    private const double Above = 34;
    private const double Below = 48;
    private const double Width = 2 * (Left + PanelWidth + Right);
    private const double LegendLine = 22;
    private const double LegendGap = 26;
    private const double LegendMark = 30;
    private const double LegendBelow = 10;

    /// <summary>Of the text's font, on average.</summary>
    private const double CharacterWidth = 6.6;

    /// <summary>How far the points at the ends stand off the frame.</summary>
    private const double Inset = 0.05;

    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    private readonly BenchResults _results;
    private readonly WindowAxis _windows;
    private readonly string[] _series;
    private readonly bool[] _marked; // a method without drafts is a line across all windows

    private BenchPlot(BenchResults results)
    {
        _results = results;
        _windows = new WindowAxis(results.Cells.Select(summary => summary.Cell.Window).Where(window => window != 0));
        _series = [.. results.Cells.Select(Series).Distinct()];
        _marked = [.. _series.Select(series => results.Cells.First(summary => Series(summary) == series).Cell.Window != 0)];
    }

    /// <summary>The root element.</summary>
    /// <param name="results">With at least one cell.</param>
    public static XElement Of(BenchResults results) => new BenchPlot(results).Draw();

    private XElement Draw()
    {
        (string Precision, int Batch)[] groups =
            [.. _results.Cells.Select(summary => (summary.Cell.Precision, summary.Cell.Batch)).Distinct()];
        XElement legend = Legend(out double top);
        double row = Above + PanelHeight + Below;
        double height = top + (groups.Length * row);

        var svg = new XElement(Svg + "svg",
            new XAttribute("viewBox", $"0 0 {F(Width)} {F(height)}"),
            new XAttribute("width", F(Width)), new XAttribute("height", F(height)),
            new XAttribute("role", "img"), new XAttribute("class", "bench"),
            Element("title", "Tokens per pass and seconds by window and method"),
            Element("style", PlotStyle.Css),
            Element("rect", ("class", "paper"), ("width", F(Width)), ("height", F(height))),
            legend);
        for (int i = 0; i < groups.Length; i++)
        {
            CellSummary[] cells = [.. _results.Cells.Where(summary => (summary.Cell.Precision, summary.Cell.Batch) == groups[i])];
            string name = groups[i].Precision + (groups[i].Batch == 1 ? "" : $", {groups[i].Batch} pictures a pass");
            double y = top + (i * row) + Above;
            svg.Add(Panel(Left, y, $"{name}: tokens per pass", cells, summary => summary.TokensPerPass));
            double right = Left + PanelWidth + Right + Left;
            svg.Add(Panel(right, y, $"{name}: seconds to decode a picture (median)", cells, summary => summary.DecodeMedian));
        }

        return svg;
    }

    private XElement Legend(out double bottom)
    {
        XElement legend = Element("g", ("class", "legend"));
        double x = Left;
        double y = LegendLine;
        for (int i = 0; i < _series.Length; i++)
        {
            double width = LegendMark + (_series[i].Length * CharacterWidth) + LegendGap;
            if (x + width > Width && x > Left)
                (x, y) = (Left, y + LegendLine);
            legend.Add(
                Element("path", ("class", Style("line", i)), ("d", $"M{F(x)} {F(y - 4)}h22")),
                Text(_series[i], x + LegendMark, y, "start"));
            if (_marked[i])
                legend.Add(Element("path", ("class", Style("mark", i)), ("d", PlotStyle.Mark(i, x + 11, y - 4))));
            x += width;
        }

        bottom = y + LegendBelow;
        return legend;
    }

    private XElement Panel(double left, double top, string title, IReadOnlyList<CellSummary> cells, Func<CellSummary, double> value)
    {
        var values = new PlotAxis(cells.Max(value));
        double X(double share) => left + (PanelWidth * (Inset + (share * (1 - (2 * Inset)))));
        double Y(double of) => top + (PanelHeight * (1 - values.At(of)));

        XElement panel = Element("g");
        panel.Add(Text(title, left, top - 12, "start", "title"));
        foreach (double tick in values.Ticks)
        {
            panel.Add(
                Element("path", ("class", "grid"), ("d", $"M{F(left)} {F(Y(tick))}h{F(PanelWidth)}")),
                Text(values.Label(tick), left - 8, Y(tick) + 4, "end"));
        }

        foreach (WindowSize window in _windows.Ticks)
        {
            double x = X(_windows.At(window));
            panel.Add(
                Element("path", ("class", "grid"), ("d", $"M{F(x)} {F(top + PanelHeight)}v5")),
                Text(window.ToString(), x, top + PanelHeight + 19, "middle"));
        }

        panel.Add(Text("window (drafts in a forward pass)", left + (PanelWidth / 2), top + PanelHeight + 37, "middle"));
        for (int i = 0; i < _series.Length; i++)
        {
            CellSummary[] line = [.. cells.Where(summary => Series(summary) == _series[i]).OrderBy(summary => summary.Cell.MostDrafts)];
            if (line.Length == 0)
                continue;
            if (!_marked[i])
            {
                panel.Add(Element("path", ("class", Style("line", i)), ("d", $"M{F(left)} {F(Y(value(line[0])))}h{F(PanelWidth)}")));
                continue;
            }

            (double X, double Y, CellSummary Summary)[] points =
                [.. line.Select(summary => (X(_windows.At(summary.Cell.Window)), Y(value(summary)), summary))];
            // Auto is no number between the others: no line leads to it.
            string[] numbers = [.. points.Where(point => !point.Summary.Cell.Window.IsAuto).Select(point => $"{F(point.X)} {F(point.Y)}")];
            if (numbers.Length > 0)
                panel.Add(Element("path", ("class", Style("line", i)), ("d", "M" + string.Join('L', numbers))));
            foreach ((double x, double y, CellSummary summary) in points)
            {
                XElement mark = Element("path", ("class", Style("mark", i)), ("d", PlotStyle.Mark(i, x, y)));
                mark.Add(Element("title", string.Create(CultureInfo.InvariantCulture,
                    $"{_series[i]}, window {BenchTable.Window(summary.Cell)}: {value(summary):0.###}")));
                panel.Add(mark);
            }
        }

        return panel;
    }

    private string Series(CellSummary summary)
    {
        BenchCell cell = summary.Cell;
        bool oneInitialisation = _results.Cells.Select(each => each.Cell.Initialisation).OfType<string>().Distinct().Count() < 2;
        string initialisation = oneInitialisation || cell.Initialisation is null ? "" : $" {cell.Initialisation}";
        return $"{cell.Name}{initialisation}{(cell.IsExact ? "" : " (lossy)")}";
    }

    private string Style(string kind, int series) => $"{kind} {PlotStyle.Colour(series)}{(_series[series].EndsWith(')') ? " lossy" : "")}";

    private static XElement Text(string text, double x, double y, string anchor, string? style = null)
    {
        XElement element = Element("text", ("x", F(x)), ("y", F(y)), ("text-anchor", anchor));
        if (style is not null)
            element.Add(new XAttribute("class", style));
        element.Add(text);
        return element;
    }

    private static XElement Element(string name, params (string Name, string Value)[] attributes) =>
        new(Svg + name, attributes.Select(attribute => new XAttribute(attribute.Name, attribute.Value)));

    private static XElement Element(string name, string text) => new(Svg + name, text);

    private static string F(double coordinate) => coordinate.ToString("0.#", CultureInfo.InvariantCulture);
}
