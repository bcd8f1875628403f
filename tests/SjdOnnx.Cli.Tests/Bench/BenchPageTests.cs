using System.Xml.Linq;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Series;
using SjdOnnx.Cli.Bench;

namespace SjdOnnx.Cli.Tests.Bench;

/// <summary>The web page and its plot.</summary>
public class BenchPageTests
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    [Fact]
    public void The_plot_has_two_panels_for_each_precision_and_a_line_for_each_method()
    {
        (PlotModel plot, int panels) = BenchPlot.ModelOf(SampleResults.Results());

        Assert.Equal(4, panels);
        Assert.Equal(
            ["fp32: tokens per pass", "fp32: seconds to decode", "int8: tokens per pass", "int8: seconds to decode"],
            plot.Axes.OfType<LinearAxis>().Where(axis => axis is not CategoryAxis).Select(axis => axis.Title));
        Assert.Equal(
            ["ar", "sjd", "gsd (lossy)", "ar", "sjd", "gsd (lossy)", "ar", "sjd", "ar", "sjd"], plot.Series.Select(series => series.Title));
        Assert.Equal(["ar", "sjd", "gsd (lossy)"], plot.Series.Where(series => series.RenderInLegend).Select(series => series.Title));
        Assert.All(plot.Series.Cast<LineSeries>(), series =>
            Assert.Equal(series.Title.EndsWith("(lossy)", StringComparison.Ordinal) ? LineStyle.Dash : LineStyle.Solid, series.LineStyle));
        Assert.Equal(3, plot.Series.Cast<LineSeries>().Select(series => series.Color).Distinct().Count());
    }

    [Fact]
    public void Windows_rise_to_the_right_and_auto_stands_apart_at_the_end()
    {
        (PlotModel plot, _) = BenchPlot.ModelOf(SampleResults.Results());

        Assert.Equal(["4", "16", "auto"], plot.Axes.OfType<CategoryAxis>().Single().Labels);
        LineSeries sjd = plot.Series.OfType<LineSeries>().First(series => series.Title == "sjd");
        Assert.Equal([0, 1, double.NaN, 2], sjd.Points.Select(point => point.X));
        Assert.Equal([2, 4, double.NaN, 5.12], sjd.Points.Select(point => point.Y));
    }

    [Fact]
    public void A_method_without_drafts_is_a_line_across_the_panel()
    {
        (PlotModel plot, _) = BenchPlot.ModelOf(SampleResults.Results());

        var ar = (LineSeries)plot.Series[0];
        Assert.Equal([-0.5, 2.5], ar.Points.Select(point => point.X));
        Assert.Equal(MarkerType.None, ar.MarkerType);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void The_SVG_shows_the_names_of_methods_and_windows(int cells)
    {
        BenchResults results = SampleResults.Results();

        XElement svg = XElement.Parse(BenchPlot.Of(results with { Cells = [.. results.Cells.Take(cells)] }));

        Assert.Equal(Svg + "svg", svg.Name);
        Assert.DoesNotContain("NaN", svg.ToString(), StringComparison.Ordinal);
        string[] texts = [.. svg.Descendants(Svg + "text").Select(text => text.Value)];
        string[] expected = ["ar", "fp32: tokens per pass", "window (drafts in a forward pass)", .. cells < 2 ? [] : new[] { "sjd", "4" },
            .. cells < 7 ? [] : new[] { "gsd (lossy)", "16", "auto", "int8: seconds to decode" }];
        Assert.All(expected, text => Assert.Contains(text, texts));
    }

    [Fact]
    public void The_page_needs_nothing_else_and_shows_markup_as_text()
    {
        BenchResults results = SampleResults.Results();
        results = results with { Options = results.Options with { CommandLine = "sjd bench <script>alert(1)</script>" } };
        string page = BenchPage.Of(results);

        Assert.StartsWith("<!DOCTYPE html>\n<html", page, StringComparison.Ordinal);
        XElement html = XElement.Parse(page["<!DOCTYPE html>\n".Length..]);
        Assert.Empty(html.Descendants("script"));
        Assert.DoesNotContain("src=", page, StringComparison.Ordinal);
        Assert.DoesNotContain("href=", page, StringComparison.Ordinal);
        Assert.Equal(results.Options.CommandLine, html.Descendants("code").Single().Value);
        Assert.Equal(1 + results.Cells.Count, html.Descendants("tr").Count());
        Assert.Single(html.Descendants(Svg + "svg"));
        Assert.Contains("ONNX Runtime 1.29.0: 2 prompts, 1 repeat, seeds from 0.", html.Value, StringComparison.Ordinal);
    }
}
