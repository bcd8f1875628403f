using System.Text.Json;
using System.Xml.Linq;
using SjdOnnx.Cli.Bench;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Tests.Bench;

/// <summary>JSON, plot and page.</summary>
public class BenchFilesTests
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    [Fact]
    public void JSON_has_every_sample_and_what_it_takes_to_measure_again()
    {
        JsonElement report = JsonElement.Parse(BenchReport.Of(Measurements.Results()).ToJson());

        Assert.Equal(["format", "command", "environment", "settings", "complete", "pass_costs", "cells"], Names(report));
        Assert.Equal(
            ["processor", "cores", "threads", "provider", "operating_system", "dot_net", "onnx_runtime", "model", "model_hash", "measured"],
            Names(report.GetProperty("environment")));
        Assert.Equal(
            ["prompts", "seed", "repeats", "warmup", "guidance", "temperature", "top_k", "top_p"], Names(report.GetProperty("settings")));
        Assert.True(report.GetProperty("complete").GetBoolean());

        JsonElement cell = report.GetProperty("cells")[2];
        Assert.Equal(
            ["precision", "method", "exact", "window", "initialisation", "denoising_steps", "batch", "forward_passes", "tokens_per_pass", "drafts_per_pass",
                "decode_p50", "decode_p95", "picture_p50", "picture_p95", "pass_p50", "run_share", "sampling_share", "other_share",
                "speed_up", "speed_up_over_best", "peak_memory", "samples"],
            Names(cell));
        Assert.Equal(1.0, cell.GetProperty("decode_p50").GetDouble(), 1e-12);
        Assert.Equal(2.0, cell.GetProperty("speed_up").GetDouble(), 1e-12);
        Assert.Equal(1.0, cell.GetProperty("speed_up_over_best").GetDouble(), 1e-12);
        Assert.Equal(200 << 20, cell.GetProperty("peak_memory").GetInt64());
        Assert.Equal(
            ["prompt", "repeat", "seed", "tokens", "forward_passes", "drafts_per_pass", "prefill", "decode", "image", "run", "total"],
            Names(cell.GetProperty("samples")[0]));
        Assert.Equal([0.5, 1.5], cell.GetProperty("samples").EnumerateArray().Select(sample => sample.GetProperty("decode").GetDouble()));
        Assert.Equal([16, 0], new[] { 2, 0 }.Select(i => report.GetProperty("cells")[i].GetProperty("window").GetInt32()));
        Assert.Equal("auto", report.GetProperty("cells")[3].GetProperty("window").GetString());
        Assert.False(report.GetProperty("cells")[4].GetProperty("exact").GetBoolean());
        Assert.Equal("""[{"precision":"fp32","batch":1,"costs":[{"drafts":0,"seconds":0.002},{"drafts":1,"seconds":0.003}]}]""", report.GetProperty("pass_costs").GetRawText());
    }

    [Fact]
    public void The_plot_has_a_line_for_each_method_and_a_mark_for_each_window()
    {
        XElement plot = XElement.Parse(BenchPlot.Of(Measurements.Results()).ToString());

        string[] texts = [.. plot.Descendants(Svg + "text").Select(text => text.Value)];
        string[] expected = ["ar", "sjd", "hasty (lossy)", "fp32: tokens per pass", "int8: seconds to decode a picture (median)",
            "window (drafts in a forward pass)", "4", "16", "auto"];
        Assert.All(expected, text => Assert.Contains(text, texts));
        Assert.DoesNotContain("NaN", plot.ToString(), StringComparison.Ordinal);
        Assert.Equal(2 + (2 * (3 + 1)) + 2, Styled(plot, "mark").Count()); // legend, fp32 twice, int8 twice
        Assert.Equal(3 + (2 * 3) + (2 * 2), Styled(plot, "line").Count());
        Assert.Equal(3, Styled(plot, "line").Count(line => line.Attribute("class")!.Value.EndsWith(" lossy", StringComparison.Ordinal)));
        Assert.Contains("prefers-color-scheme: dark", plot.Descendants(Svg + "style").Single().Value, StringComparison.Ordinal);
    }

    [Fact]
    public void No_other_line_has_the_baselines_colour() =>
        Assert.Equal(["s0", "s1", "s9", "s1", "s9"], new[] { 0, 1, 9, 10, 18 }.Select(PlotStyle.Colour));

    [Fact]
    public void A_plot_of_the_baseline_alone_or_of_one_window_is_drawn()
    {
        BenchResults results = Measurements.Results();

        foreach (int cells in new[] { 1, 2 })
        {
            XElement plot = BenchPlot.Of(results with { Cells = [.. results.Cells.Take(cells)] });
            Assert.DoesNotContain("NaN", plot.ToString(), StringComparison.Ordinal);
            Assert.Equal(cells + (2 * cells), Styled(plot, "line").Count());
        }
    }

    [Fact]
    public void The_page_needs_nothing_else_and_shows_text_as_text()
    {
        BenchResults results = Measurements.Results();
        results = results with { Options = results.Options with { CommandLine = "sjd bench <script>alert(1)</script>" } };
        string page = BenchPage.Of(results);

        Assert.StartsWith("<!DOCTYPE html>\n<html", page, StringComparison.Ordinal);
        XElement html = XElement.Parse(page["<!DOCTYPE html>\n".Length..]);
        Assert.Empty(html.Descendants("script"));
        Assert.DoesNotContain("src=", page, StringComparison.Ordinal);
        Assert.DoesNotContain("http", page.Replace(Svg.NamespaceName, "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal(results.Options.CommandLine, html.Descendants("code").Single().Value);
        Assert.Equal(1 + results.Cells.Count, html.Descendants("tr").Count());
        Assert.Contains("ONNX Runtime 1.29.0: 2 prompts, 1 repeat, seeds from 0.", html.Value, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.0123, new[] { "0.000", "0.005", "0.010", "0.015" })]
    [InlineData(1, new[] { "0.0", "0.2", "0.4", "0.6", "0.8", "1.0" })]
    [InlineData(4.35, new[] { "0", "1", "2", "3", "4", "5" })]
    [InlineData(5, new[] { "0", "1", "2", "3", "4", "5" })]
    [InlineData(310, new[] { "0", "100", "200", "300", "400" })]
    public void Axes_end_at_a_round_number(double largest, string[] labels)
    {
        var axis = new PlotAxis(largest);

        Assert.Equal(labels, axis.Ticks.Select(axis.Label));
        Assert.Equal(1, axis.At(axis.Ticks.Last()), 1e-9);
        Assert.InRange(axis.At(largest), 0.5, 1);
    }

    [Fact]
    public void Windows_lie_by_their_logarithm_and_a_single_one_in_the_middle()
    {
        var axis = new WindowAxis([64, 4, 16, 4]);
        Assert.Equal([4, 16, 64], axis.Ticks.Select(window => window.Drafts!.Value));
        Assert.Equal([0, 0.5, 1], axis.Ticks.Select(axis.At));

        Assert.Equal(0.5, new WindowAxis([16]).At(16));
        Assert.Empty(new WindowAxis([]).Ticks);
    }

    [Fact]
    public void Auto_stands_behind_the_numbers()
    {
        var axis = new WindowAxis([WindowSize.Auto, 64, 4]);
        Assert.Equal(["4", "64", "auto"], axis.Ticks.Select(window => window.ToString()));
        Assert.Equal(0, axis.At(4));
        Assert.InRange(axis.At(64), 0.5, 0.95);
        Assert.Equal(1, axis.At(WindowSize.Auto));

        Assert.Equal(0.5, new WindowAxis([WindowSize.Auto]).At(WindowSize.Auto));
    }

    private static IEnumerable<XElement> Styled(XElement plot, string style) =>
        plot.Descendants(Svg + "path").Where(path => path.Attribute("class")!.Value.Split(' ')[0] == style);

    private static IEnumerable<string> Names(JsonElement element) => element.EnumerateObject().Select(member => member.Name);
}
