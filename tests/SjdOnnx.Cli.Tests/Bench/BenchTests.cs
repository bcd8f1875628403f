using System.Diagnostics;
using System.Text.Json;
using System.Xml.Linq;

namespace SjdOnnx.Cli.Tests.Bench;

/// <summary>The command, run.</summary>
public class BenchTests
{
    [ModelFact]
    public async Task A_small_comparison_prints_a_table_and_writes_its_files()
    {
        using var sjd = new Sjd();
        File.WriteAllText(sjd.PathOf("prompts.txt"), "a fox\n\n  a rocket on a blue background\r\n");

        Finished run = await sjd.RunAsync("bench", "--model", TestModel.Folder!, "--prompts", "prompts.txt", "--methods", "sjd", "--windows", "4",
            "--repeats", "1", "--warmup", "0", "--json", "bench.json", "--html", "bench.html", "--svg", "bench.svg");

        Assert.True(run.ExitCode == 0, run.Error);
        string[] table = run.Output.TrimEnd('\n').Split('\n');
        Assert.Equal(4, table.Length);
        Assert.Matches(@"^\| [^ ]+ +\| ar +\| yes +\| +– \|", table[2]);
        Assert.Matches(@"^\| [^ ]+ +\| sjd +\| yes +\| +4 \|", table[3]);
        Assert.Contains("2 prompts, 1 repeat, seeds from 0.", run.Error, StringComparison.Ordinal);

        Assert.Equal(["bench.html", "bench.json", "bench.svg", "prompts.txt"], sjd.Files);
        XDocument.Load(sjd.PathOf("bench.svg"));
        JsonElement report = JsonElement.Parse(sjd.Read("bench.json"));
        Assert.Equal(["a fox", "a rocket on a blue background"],
            report.GetProperty("settings").GetProperty("prompts").EnumerateArray().Select(prompt => prompt.GetString()));
        Assert.StartsWith("sjd bench --model ", report.GetProperty("command").GetString(), StringComparison.Ordinal);
        JsonElement[] cells = [.. report.GetProperty("cells").EnumerateArray()];
        Assert.Equal(["ar", "sjd"], cells.Select(cell => cell.GetProperty("method").GetString()));
        Assert.Equal([255, 255], cells[0].GetProperty("samples").EnumerateArray().Select(sample => sample.GetProperty("forward_passes").GetInt32()));
        Assert.InRange(cells[1].GetProperty("tokens_per_pass").GetDouble(), 1.1, 5);
        Assert.Equal(1, cells[0].GetProperty("speed_up").GetDouble());
        if (OperatingSystem.IsLinux())
            Assert.InRange(cells[0].GetProperty("peak_memory").GetInt64(), 20 << 20, 64L << 30);
    }

    [ModelFact]
    public async Task Ctrl_C_prints_and_writes_what_was_measured()
    {
        if (OperatingSystem.IsWindows())
            return; // has no signals to send

        using var sjd = new Sjd();
        using Process process = sjd.Start("bench", "--model", TestModel.Folder!, "--methods", "sjd", "--windows", "16", "--repeats", "1000",
            "--warmup", "0", "--json", "bench.json");
        Assert.Equal("2 cells draw 8000 pictures each, in 8000 turns.", await process.StandardError.ReadLineAsync());
        await Task.Delay(TimeSpan.FromSeconds(3));
        Sjd.Interrupt(process);
        Finished run = await Sjd.FinishAsync(process);

        Assert.Equal(130, run.ExitCode);
        Assert.Matches("sjd: Stopped (after [0-9]+ of 8000 turns; what was measured is above|before anything was measured)[.]\n$", run.Error);
        Assert.Equal(run.Output.Length > 0 ? ["bench.json"] : [], sjd.Files);
        if (run.Output.Length > 0)
            Assert.False(JsonElement.Parse(sjd.Read("bench.json")).GetProperty("complete").GetBoolean());
    }

    [Fact]
    public async Task Prompts_that_cannot_be_read_are_refused_before_the_model_is_looked_for()
    {
        using var sjd = new Sjd();
        File.WriteAllText(sjd.PathOf("empty.txt"), "\n \n");

        await AssertRefused("nowhere.txt", "there is no such file");
        await AssertRefused(".", "it is a folder");
        await AssertRefused("empty.txt", "has no prompt in it");

        async Task AssertRefused(string file, string because) =>
            (await sjd.RunAsync("bench", "--model", "./nowhere", "--prompts", file)).AssertFailed(ExitCode.Input, because);
    }

    /// <summary>The model is none: were anything measured, or the model be read, that would be the complaint.</summary>
    [Fact]
    public async Task Files_that_cannot_be_written_are_refused_before_anything_is_measured()
    {
        using var sjd = new Sjd();

        foreach (string option in new[] { "--json", "--html", "--svg" })
            (await sjd.RunAsync("bench", "--model", "./nowhere", option, "nowhere/bench")).AssertFailed(ExitCode.Output, "there is no folder");
        (await sjd.RunAsync("bench", "--model", "./nowhere", "--json", "same", "--svg", "./same")).AssertFailed(ExitCode.Usage, "'same' is to be written twice");
        Assert.Empty(sjd.Files);
    }

    [ModelFact]
    public async Task A_precision_that_the_model_has_not_is_refused_before_another_is_loaded()
    {
        using var sjd = new Sjd();

        (await sjd.RunAsync("bench", "--model", TestModel.Folder!, "--precisions", "fp32,fp7")).AssertFailed(ExitCode.Model, "--precisions names 'fp7'; this model has ");
    }
}
