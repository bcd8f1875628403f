using System.Xml.Linq;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Bench;

/// <summary>The results as a web page with plot and table, which needs no other file and no script.</summary>
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

        """;

    public static string Of(BenchResults results)
    {
        string title = $"{Printable.Text(results.Environment.Model)}: decoding methods compared";
        var html = new XElement("html", new XAttribute("lang", "en"),
            new XElement("head",
                new XElement("meta", new XAttribute("charset", "utf-8")),
                new XElement("meta", new XAttribute("name", "viewport"), new XAttribute("content", "width=device-width")),
                new XElement("title", title),
                new XElement("style", Css)),
            new XElement("body",
                new XElement("h1", title),
                new XElement("p", Summary(results)),
                new XElement("p", new XElement("code", Printable.Text(results.Options.CommandLine))),
                XElement.Parse(BenchPlot.Of(results)),
                new XElement("div", new XAttribute("class", "wide"), Table(BenchReport.TableOf(results))),
                new XElement("pre", BenchReport.Legend)));
        return "<!DOCTYPE html>\n" + html.ToString(SaveOptions.DisableFormatting) + "\n";
    }

    /// <summary>What was measured and where.</summary>
    public static string Summary(BenchResults results)
    {
        (BenchOptions options, BenchEnvironment environment) = (results.Options, results.Environment);
        string machine = FormattableString.Invariant(
            $"{environment.Processor}, {environment.Cores} cores, {environment.Threads} threads, {environment.Provider}");
        string images =
            $"{Printable.Count(options.Prompts.Count, "prompt")}, {Printable.Count(options.Repeats, "repeat")}, seeds from {options.Seed}";
        string end = results.Complete ? "" : " Stopped before the end.";
        return $"{Printable.Text(environment.Model)}, {machine}, ONNX Runtime {environment.OnnxRuntime}: {images}.{end}";
    }

    private static XElement Table(TextTable table) => new("table",
        new XElement("thead", new XElement("tr", table.Columns.Select(column => Cell("th", column.Header, column)))),
        new XElement("tbody", table.Rows.Select(row =>
            new XElement("tr", row.Zip(table.Columns, (text, column) => Cell("td", text, column))))));

    private static XElement Cell(string name, string text, Column column) =>
        new(name, column.IsNumber ? null : new XAttribute("class", "text"), text);
}

/// <summary>Tokens per pass and seconds by window as an SVG, a line for each method.</summary>
internal static class BenchPlot
{
    private const double Width = 900;
    private const double PanelHeight = 260;
    private const double Margins = 60; // the axis of windows
    private const double Gap = 0.06; // between panels, as a part of one

    // After Okabe and Ito, whose colors are distinct for all kinds of color vision. The first is the baseline's alone.
    private static readonly OxyColor[] Colors =
    [
        OxyColor.FromRgb(0x66, 0x66, 0x66), OxyColor.FromRgb(0x00, 0x72, 0xB2), OxyColor.FromRgb(0xD5, 0x5E, 0x00),
        OxyColor.FromRgb(0x00, 0x9E, 0x73), OxyColor.FromRgb(0xB0, 0x52, 0x9A), OxyColor.FromRgb(0xC0, 0x8A, 0x00),
        OxyColor.FromRgb(0x3A, 0x9B, 0xD0), OxyColor.FromRgb(0x7A, 0x52, 0x30), OxyColor.FromRgb(0xC2, 0x18, 0x5B),
        OxyColor.FromRgb(0x6A, 0x8F, 0x00),
    ];

    // Five marks and nine colors: a color returns with another mark.
    private static readonly MarkerType[] Marks =
        [MarkerType.Circle, MarkerType.Square, MarkerType.Diamond, MarkerType.Triangle, MarkerType.Cross];

    /// <param name="results">Results with at least one cell.</param>
    /// <returns>An svg element.</returns>
    public static string Of(BenchResults results)
    {
        (PlotModel plot, int panels) = ModelOf(results);
        double height = (panels * PanelHeight) + Margins;
        return SvgExporter.ExportToString(
            plot, Width, height, isDocument: false, new AnyFont(Width, height), useVerticalTextAlignmentWorkaround: true);
    }

    /// <summary>Two panels, one above the other, for each precision and batch; all share the axis of windows.</summary>
    internal static (PlotModel Plot, int Panels) ModelOf(BenchResults results)
    {
        WindowSize[] windows = [.. results.Cells.Select(summary => summary.Cell.Window).Where(window => window != 0)
            .Distinct().OrderBy(window => window.Drafts ?? int.MaxValue)];
        var plot = new PlotModel
        {
            Background = OxyColors.White,
            PlotAreaBorderColor = OxyColors.Transparent,
            DefaultFont = "Arial, Helvetica, sans-serif",
        };
        plot.Legends.Add(new Legend
        {
            LegendPlacement = LegendPlacement.Outside,
            LegendPosition = LegendPosition.RightTop,
            LegendLineSpacing = 6,
        });
        var axis = new CategoryAxis
        {
            Position = AxisPosition.Bottom,
            Title = "window (drafts in a forward pass)",
            AxisTitleDistance = 10,
            IsTickCentered = true,
        };
        axis.Labels.AddRange(windows.Select(window => window.ToString()).DefaultIfEmpty(""));
        plot.Axes.Add(axis);

        (Precision Precision, int Batch)[] groups =
            [.. results.Cells.Select(summary => (summary.Cell.Precision, summary.Cell.Batch)).Distinct()];
        string[] names = [.. results.Cells.Select(summary => NameOf(results, summary)).Distinct()];
        int panels = 2 * groups.Length;
        for (int panel = 0; panel < panels; panel++)
        {
            (Precision precision, int batch) = groups[panel / 2];
            string group = precision.Name + (batch == 1 ? "" : $", batch {batch}");
            string key = $"{panel}";
            plot.Axes.Add(new LinearAxis
            {
                Key = key,
                Position = AxisPosition.Left,
                Title = panel % 2 == 0 ? $"{group}: tokens per pass" : $"{group}: seconds to decode",
                Minimum = 0,
                MaximumPadding = 0.05,
                StartPosition = 1 - ((panel + 1 - Gap) / panels),
                EndPosition = 1 - ((panel + Gap) / panels),
                MajorGridlineStyle = LineStyle.Solid,
                MajorGridlineColor = OxyColors.LightGray,
                AxislineStyle = LineStyle.Solid,
                AxisTitleDistance = 14,
            });
            foreach (IGrouping<string, CellSummary> line in results.Cells
                .Where(summary => (summary.Cell.Precision, summary.Cell.Batch) == (precision, batch))
                .GroupBy(summary => NameOf(results, summary)))
            {
                Func<CellSummary, double> value = panel % 2 == 0 ? summary => summary.TokensPerPass : summary => summary.DecodeMedian;
                LineSeries series = SeriesOf([.. line], value, windows, Array.IndexOf(names, line.Key));
                series.YAxisKey = key;
                series.Title = line.Key;
                series.RenderInLegend = plot.Series.All(each => each.Title != line.Key);
                plot.Series.Add(series);
            }
        }

        return (plot, panels);
    }

    /// <param name="cells">The windows of one method.</param>
    /// <param name="value">What the panel shows.</param>
    /// <param name="windows">All windows, in the order of the axis.</param>
    /// <param name="index">0 for the baseline.</param>
    private static LineSeries SeriesOf(CellSummary[] cells, Func<CellSummary, double> value, WindowSize[] windows, int index)
    {
        BenchCell first = cells[0].Cell;
        OxyColor color = index == 0 ? Colors[0] : Colors[1 + ((index - 1) % (Colors.Length - 1))];
        var series = new LineSeries
        {
            Color = color,
            LineStyle = first.Descriptor.IsExact ? LineStyle.Solid : LineStyle.Dash,
            MarkerType = first.Window == 0 ? MarkerType.None : Marks[index % Marks.Length],
            MarkerFill = color,
            MarkerStroke = color,
            MarkerSize = 4,
        };
        if (first.Window == 0)
        {
            // A method without drafts has no window: its line crosses the panel.
            double end = Math.Max(1, windows.Length) - 0.5;
            series.Points.AddRange([new DataPoint(-0.5, value(cells[0])), new DataPoint(end, value(cells[0]))]);
            return series;
        }

        foreach (CellSummary summary in cells.OrderBy(each => each.Cell.MaxDrafts).OrderBy(each => each.Cell.Window.IsAuto))
        {
            // No line leads to auto, which is no number between the others.
            if (summary.Cell.Window.IsAuto)
                series.Points.Add(DataPoint.Undefined);
            series.Points.Add(new DataPoint(Array.IndexOf(windows, summary.Cell.Window), value(summary)));
        }

        return series;
    }

    private static string NameOf(BenchResults results, CellSummary summary)
    {
        BenchCell cell = summary.Cell;
        bool oneInitialization = results.Cells.Select(each => each.Cell.Initialization).OfType<object>().Distinct().Count() < 2;
        string initialization = oneInitialization || cell.Initialization is null ? "" : $", {cell.Initialization}";
        return $"{cell.Name}{initialization}{(cell.Descriptor.IsExact ? "" : " (lossy)")}";
    }

    /// <summary>Leaves room for wide text: OxyPlot measures Arial, and in points, which are 4/3 of a pixel.</summary>
    private sealed class AnyFont(double width, double height) : PdfRenderContext(width, height, OxyColors.White)
    {
        private const double Wider = 1.5;

        public override OxySize MeasureText(string text, string fontFamily, double fontSize, double fontWeight)
        {
            OxySize size = base.MeasureText(text, fontFamily, fontSize, fontWeight);
            return new OxySize(Wider * size.Width, size.Height);
        }
    }
}
