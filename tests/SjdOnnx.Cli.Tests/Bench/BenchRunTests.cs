using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using SjdOnnx.Cli.Bench;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests.Bench;

public class BenchRunTests
{
    [ModelFact]
    public async Task A_comparison_prints_a_table_and_writes_its_files()
    {
        using var sjd = new Sjd();
        File.WriteAllText(sjd.PathOf("prompts.txt"), "a fox\n\n  a rocket on a blue background\r\n");

        Finished run = await sjd.RunAsync("bench", "--model", TestModel.Folder!, "--prompts", "prompts.txt", "--methods", "sjd",
            "--windows", "4",
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
        Assert.Equal([255, 255],
            cells[0].GetProperty("samples").EnumerateArray().Select(sample => sample.GetProperty("forward_passes").GetInt32()));
        Assert.InRange(cells[1].GetProperty("tokens_per_pass").GetDouble(), 1.1, 5);
        Assert.Equal(1, cells[0].GetProperty("speed_up").GetDouble());
        if (OperatingSystem.IsLinux())
            Assert.InRange(cells[0].GetProperty("peak_memory").GetInt64(), 20 << 20, 64L << 30);
    }

    /// <summary>Each process that is measured draws with the options of the whole command.</summary>
    [ModelFact]
    public async Task Memory_is_measured_with_the_same_options()
    {
        using var sjd = new Sjd();

        Finished cell = await MemoryAsync("--guidance", "1");
        Assert.True(cell.ExitCode == ExitCode.Done, cell.Error);
        if (OperatingSystem.IsLinux())
            Assert.InRange(long.Parse(cell.Output, CultureInfo.InvariantCulture), 20L << 20, 64L << 30);
        (await MemoryAsync("--size", "64x9999")).AssertFailed(ExitCode.Request, "64x9999");
        (await MemoryAsync("--negative", "a cat")).AssertFailed(ExitCode.Request, "negative prompt");
        Assert.Empty(sjd.Files);

        Task<Finished> MemoryAsync(params string[] options) => sjd.RunAsync(
            ["bench", BenchCommand.MemoryOption, "1", "--model", TestModel.Folder!, "--methods", "sjd", "--windows", "4", .. options]);
    }

    [ModelFact]
    public async Task A_batch_whose_memory_cannot_be_measured_is_named_with_the_reason()
    {
        using var sjd = new Sjd();

        Finished run = await sjd.RunAsync(
            "bench", "--model", TestModel.Folder!, "--methods", "sjd", "--windows", "4", "--size", "64x9999", "--repeats", "1");

        Assert.Equal(ExitCode.Request, run.ExitCode);
        Assert.Matches("(?m)^Peak memory at [a-z0-9]+, batch 1, was not measured: The model cannot draw 64x9999;", run.Error);
    }

    [ModelFact]
    public async Task A_method_that_the_model_does_not_support_is_left_out_unless_it_was_named()
    {
        using var sjd = new Sjd();

        (await sjd.RunAsync("bench", "--model", TestModel.Folder!, "--methods", "sjd,sjd2")).AssertFailed(
            ExitCode.Request, "--methods names 'sjd2'; emoji was not fine-tuned to read noise, so leave it out.");
        Finished one = await sjd.RunAsync("bench", BenchCommand.MemoryOption, "0", "--model", TestModel.Folder!, "--windows", "4");
        string[] left = ["sjd2", "sjd2-published"];
        string notes = string.Concat(left.Select(method => $"{method} is left out: emoji was not fine-tuned to read noise.\n"));
        Assert.Equal((ExitCode.Done, notes), (one.ExitCode, one.Error));
    }

    /// <summary>Lines of progress begin ten seconds after the measurement.</summary>
    [ModelFact(UnixOnly = true)]
    public async Task Ctrl_C_prints_and_writes_what_was_measured()
    {
        using var sjd = new Sjd();
        using Process process = sjd.Start("bench", "--model", TestModel.Folder!, "--methods", "sjd", "--windows", "16", "--repeats", "1000",
            "--warmup", "0", "--json", "bench.json");
        Assert.Equal("2 cells, each with 8000 images in 8000 turns.", await process.StandardError.ReadLineAsync());
        // A line about a later turn: by then a turn has been measured.
        while (await process.StandardError.ReadLineAsync() is string line && !Regex.IsMatch(line, "^measuring: turn ([2-9]|[1-9][0-9]+) "))
            continue;
        Sjd.Interrupt(process);
        Finished run = await Sjd.FinishAsync(process);

        Assert.Equal(ExitCode.Interrupted, run.ExitCode);
        Assert.Matches("sjd: Stopped after [1-9][0-9]* of 8000 turns; what was measured is above[.]\n$", run.Error);
        Assert.Equal(4, run.Output.TrimEnd('\n').Split('\n').Length);
        Assert.Equal(["bench.json"], sjd.Files);
        JsonElement report = JsonElement.Parse(sjd.Read("bench.json"));
        Assert.False(report.GetProperty("complete").GetBoolean());
        Assert.Equal(2, report.GetProperty("cells").GetArrayLength());
    }

    [Fact]
    public async Task Prompts_that_cannot_be_read_are_refused_before_the_model_is_looked_for()
    {
        using var sjd = new Sjd();
        File.WriteAllText(sjd.PathOf("empty.txt"), "\n \n");

        await AssertRefused("nowhere.txt", "there is no such file");
        await AssertRefused(".", "it is a folder");
        await AssertRefused("empty.txt", "has no prompt;");

        async Task AssertRefused(string file, string because) =>
            (await sjd.RunAsync("bench", "--model", "./nowhere", "--prompts", file)).AssertFailed(ExitCode.Input, because);
    }

    /// <summary>There is no such model, so an error about the model would show that it was looked for first.</summary>
    [Fact]
    public async Task Files_that_cannot_be_written_are_refused_before_anything_is_measured()
    {
        using var sjd = new Sjd();

        foreach (string option in new[] { "--json", "--html", "--svg" })
            (await sjd.RunAsync("bench", "--model", "./nowhere", option, "nowhere/bench")).AssertFailed(
                ExitCode.Output, "there is no folder");
        (await sjd.RunAsync("bench", "--model", "./nowhere", "--json", "same", "--svg", "./same")).AssertFailed(
            ExitCode.Usage, "same' would be written twice");
        Assert.Empty(sjd.Files);
    }

    [ModelFact]
    public async Task A_precision_that_the_model_does_not_have_is_refused_before_another_is_loaded()
    {
        using var sjd = new Sjd();

        (await sjd.RunAsync("bench", "--model", TestModel.Folder!, "--precisions", "fp32,fp7")).AssertFailed(
            ExitCode.Model, "--precisions names 'fp7'; this model has ");
    }
}
