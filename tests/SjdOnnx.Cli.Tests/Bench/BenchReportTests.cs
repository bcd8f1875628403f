using System.Text.Json;
using System.Text.Json.Nodes;
using SjdOnnx.Cli.Bench;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Tests.Bench;

/// <summary>The table and the JSON file.</summary>
public class BenchReportTests
{
    [Fact]
    public void The_table_has_the_figures_of_the_samples()
    {
        TextTable table = BenchReport.TableOf(SampleResults.Results());

        Assert.Equal(
            ["precision", "method", "exact", "window", "drafts per pass", "passes", "tokens per pass", "decode p50, s", "decode p95, s",
                "total p50, s", "total p95, s", "ms per pass", "Run", "sampling", "other", "x ar", "x best ar", "peak MiB"],
            table.Columns.Select(column => column.Header));
        Assert.Equal(
            ["fp32", "sjd", "yes", "16", "16.0", "64", "4.00", "1.000", "1.450", "1.010", "1.460", "15.63", "79 %", "20 %", "1 %", "2.00",
                "1.00", "200"],
            table.Rows[2]);
        Assert.Equal(["fp32", "sjd", "yes", "auto", "64.0", "50", "5.12"], table.Rows[3].Take(7));
        Assert.Equal(["fp32", "gsd", "lossy", "16", "16.0", "32", "8.00"], table.Rows[4].Take(7));
        Assert.Equal(["int8", "ar", "yes", "–", "–", "255", "1.00"], table.Rows[5].Take(7));
        Assert.Equal(["1.00", "1.00", "–"], table.Rows[5].TakeLast(3));
        Assert.Equal(["2.00", "2.00", "–"], table.Rows[6].TakeLast(3));
    }

    [Fact]
    public void The_table_has_columns_for_first_guess_and_batch_if_they_differ()
    {
        BenchResults results = SampleResults.Results();
        BenchCell other = SampleResults.Cell(Precision.Int8, new MaximalCoupling(), 8, Initialization.RepeatLeft, batch: 2);

        TextTable table = BenchReport.TableOf(results with { Cells = [.. results.Cells, SampleResults.Summary(other, 50, 0.5)] });

        Assert.Equal(
            ["precision", "method", "exact", "window", "init", "batch", "drafts per pass"],
            table.Columns.Take(7).Select(column => column.Header));
        Assert.Equal(["fp32", "ar", "yes", "–", "–", "1"], table.Rows[0].Take(6));
        Assert.Equal(["int8", "mc", "yes", "8", "repeat-left", "2"], table.Rows[^1].Take(6));
        Assert.Equal("–", table.Rows[^1][^3]); // ar was not measured with this batch
        Assert.Equal("2.00", table.Rows[^1][^2]);
    }

    [Fact]
    public void The_table_has_a_column_for_drafts_only_if_auto_chose_them()
    {
        BenchResults results = SampleResults.Results();

        TextTable table = BenchReport.TableOf(results with { Cells = [.. results.Cells.Where(summary => !summary.Cell.Window.IsAuto)] });

        Assert.DoesNotContain("drafts per pass", table.Columns.Select(column => column.Header));
    }

    [Fact]
    public void JSON_has_every_sample_and_what_is_needed_to_measure_again()
    {
        JsonElement report = JsonElement.Parse(BenchReport.Of(SampleResults.Results()).ToJson());

        Assert.Equal(["format", "command", "environment", "settings", "complete", "pass_costs", "cells"], Names(report));
        Assert.Equal(2, report.GetProperty("format").GetInt32());
        Assert.Equal(
            ["processor", "cores", "threads", "provider", "operating_system", "dot_net", "onnx_runtime", "model", "model_hash", "measured"],
            Names(report.GetProperty("environment")));
        Assert.Equal(
            ["prompts", "negative_prompt", "seed", "repeats", "warmup", "guidance", "temperature", "top_k", "top_p"],
            Names(report.GetProperty("settings")));
        Assert.True(report.GetProperty("complete").GetBoolean());

        JsonElement cell = report.GetProperty("cells")[2];
        Assert.Equal(
            ["precision", "method", "method_options", "exact", "window", "initialization", "batch", "forward_passes", "tokens_per_pass",
                "drafts_per_pass", "decode_p50", "decode_p95", "total_p50", "total_p95", "pass_p50", "run_share", "sampling_share",
                "other_share", "speed_up", "speed_up_over_best", "peak_memory", "samples"],
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
        Assert.Equal("""[{"precision":"fp32","batch":1,"costs":[{"drafts":0,"seconds":0.002},{"drafts":1,"seconds":0.003}]}]""",
            report.GetProperty("pass_costs").GetRawText());
    }

    [Fact]
    public void JSON_has_the_options_of_a_method()
    {
        BenchSample sample = new(0, 0, 0, 256, 64, 4, 0.01, 1, 0.01, 0.9) { MethodOptions = new JsonObject { ["group_size"] = 9 } };
        var summary = new CellSummary(SampleResults.Cell(Precision.Fp32, new GroupedAcceptance { GroupSize = 9 }, 4), [sample]);

        string json = BenchReport.Of(SampleResults.Results() with { Cells = [summary] }).ToJson();
        JsonElement cell = JsonElement.Parse(json).GetProperty("cells")[0];

        Assert.Equal("""{"group_size":9}""", cell.GetProperty("method_options").GetRawText());
        Assert.DoesNotContain("method_options", Names(cell.GetProperty("samples")[0]));
    }

    private static IEnumerable<string> Names(JsonElement element) => element.EnumerateObject().Select(member => member.Name);
}
