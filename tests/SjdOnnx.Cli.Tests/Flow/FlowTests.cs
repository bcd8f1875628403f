using System.Text.Json;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;
using SjdOnnx.Cli.Flow;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests.Flow;

public class FlowTests
{
    [Fact]
    public async Task Samples_are_written_as_a_grid_and_one_by_one_and_depend_on_their_seed_alone()
    {
        using var sjd = new Sjd();
        Finished done = await RunAsync(
            sjd, "--count", "3", "--seed", "4", "-o", "grid.png", "--folder", "each", "--enlarge", "2", "--accuracy", "--json");
        Assert.True(done.ExitCode == 0, done.Error);
        JsonElement report = JsonElement.Parse(done.Output);
        Assert.Equal(["disk", "ring", "square"], Values(report, "samples", "class"));
        Assert.All(
            report.GetProperty("samples").EnumerateArray(),
            static sample => Assert.InRange(sample.GetProperty("calls").GetInt32(), 4, 1020));
        Assert.InRange(report.GetProperty("accuracy").GetDouble(), 0.6, 1);
        Assert.Equal(["4-0000-disk.png", "4-0001-ring.png", "4-0002-square.png"], sjd.FilesOf("each"));
        using Image<Rgb24> grid = Image.Load<Rgb24>(sjd.Read("grid.png"));
        using Image<Rgb24> last = Image.Load<Rgb24>(sjd.Read("each/4-0002-square.png"));
        Assert.Equal((192, 64, 64, 64), (grid.Width, grid.Height, last.Width, last.Height));
        Assert.Equal(last[32, 32], grid[128 + 32, 32]);

        done = await RunAsync(sjd, "--class", "all", "--count", "4", "--seed", "4", "--folder", "more", "--enlarge", "2");
        Assert.True(done.ExitCode == 0, done.Error);
        Assert.Equal(sjd.HashOf("each/4-0002-square.png"), sjd.HashOf("more/4-0002-square.png"));
    }

    [Fact]
    public async Task The_four_ways_are_compared_with_one_token_after_another()
    {
        using var sjd = new Sjd();
        Finished done = await RunAsync(sjd, "--compare", "--class", "star", "--tolerance", "0.0001", "--json");
        Assert.True(done.ExitCode == 0, done.Error);
        JsonElement report = JsonElement.Parse(done.Output);
        Assert.Equal(["sequential", "jacobi", "sejd", "gs"], Values(report, "ways", "way"));
        JsonElement[] ways = [.. report.GetProperty("ways").EnumerateArray()];
        Assert.Equal((1020, 1020, 0), (Number(ways[0], "calls"), Number(ways[0], "row_evaluations"), Number(ways[0], "max_difference")));
        Assert.All(ways[1..3], static way =>
        {
            Assert.InRange(Number(way, "calls"), 4, 700);
            Assert.InRange(Number(way, "max_difference"), 0, 0.01);
        });
        JsonElement[] blocks = [.. report.GetProperty("differences").EnumerateArray()];
        Assert.Equal([3, 2, 1, 0], blocks.Select(static block => block.GetProperty("block").GetInt32()));
        Assert.All(blocks, static block =>
        {
            double[] differences = [.. block.GetProperty("by_update").EnumerateArray().Select(static value => value.GetDouble())];
            Assert.InRange(differences[^1], 0, 1e-2);
            Assert.True(differences[0] > 10 * differences[^1]);
        });

        done = await RunAsync(sjd, "--compare", "--class", "star");
        Assert.Contains("max |diff|", done.Output, StringComparison.Ordinal);
        Assert.Contains("Largest difference to the solution after each update", done.Output, StringComparison.Ordinal);
        Assert.Empty(sjd.Files);
    }

    [Fact]
    public void An_iterate_that_overflowed_is_infinity_in_a_comparison()
    {
        var report = new ComparisonReport("m", 4, 1, [], [new BlockDifferences(0, [double.PositiveInfinity, 0.5, 0])]);
        JsonElement json = JsonElement.Parse(JsonSerializer.Serialize(report, FlowReportJson.Default.ComparisonReport));
        Assert.Equal("[\"Infinity\",0.5,0]", json.GetProperty("differences")[0].GetProperty("by_update").GetRawText());
    }

    [Fact]
    public async Task A_measured_plan_is_written_and_can_be_used()
    {
        using var sjd = new Sjd();
        Finished done = await RunAsync(sjd, "--measure", "plan.json", "--count", "1");
        Assert.True(done.ExitCode == 0, done.Error);
        Assert.Contains("CRM share", done.Output, StringComparison.Ordinal);
        Assert.Contains("The plan is in plan.json.", done.Output, StringComparison.Ordinal);
        Assert.Equal(["plan.json"], sjd.Files);
        Assert.Equal(4, JsonElement.Parse(File.ReadAllText(sjd.PathOf("plan.json"))).GetProperty("blocks").GetArrayLength());

        done = await RunAsync(sjd, "--plan", "plan.json", "--class", "2", "-o", "square.png");
        Assert.True(done.ExitCode == 0, done.Error);
        Assert.Contains("square", done.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wrong_requests_end_in_a_sentence_and_leave_no_file()
    {
        using var sjd = new Sjd();
        (await RunAsync(sjd, "--class", "cat", "-o", "x.png")).AssertFailed(
            ExitCode.Request, "has no class 'cat'; it must be one of disk, ring");
        (await RunAsync(sjd, "--class", "none", "--guidance", "1")).AssertFailed(ExitCode.Request, "Give a class, or guidance 0.");
        (await RunAsync(sjd, "--class", "none", "--accuracy")).AssertFailed(ExitCode.Usage, "--accuracy needs samples of a class");
        (await RunAsync(sjd, "--way", "gs", "--plan", "plan.json")).AssertFailed(ExitCode.Input, "'plan.json' is not a plan");
        (await RunAsync(sjd, "--compare", "-o", "x.png")).AssertFailed(ExitCode.Usage, "--compare writes no samples");
        (await RunAsync(sjd, "--measure", "p.json", "--compare")).AssertFailed(ExitCode.Usage, "--measure writes a plan");
        (await RunAsync(sjd, "--guidance", "-1")).AssertFailed(ExitCode.Usage, "--guidance is '-1'");
        (await RunAsync(sjd, "--way", "fast")).AssertFailed(ExitCode.Usage, "--way is 'fast'; it must be one of sequential, jacobi");
        (await RunAsync(sjd, "stars")).AssertFailed(ExitCode.Usage, "'stars' is one word too many");
        (await RunAsync(sjd, "-o", "there/x.png")).AssertFailed(ExitCode.Output, "there is no folder");
        (await RunAsync(sjd, "--model", "missing")).AssertFailed(ExitCode.Model, "There is no model 'missing'");
        await File.WriteAllTextAsync(sjd.PathOf("bad.json"), "{\"blocks\": [{\"segments\": -2}]}");
        (await RunAsync(sjd, "--plan", "bad.json")).AssertFailed(ExitCode.Input, "'bad.json' cannot be used. Segments must be 0");
        await File.WriteAllTextAsync(sjd.PathOf("bad.json"), "{\"blocks\": [{}]}");
        (await RunAsync(sjd, "--plan", "bad.json")).AssertFailed(ExitCode.Request, "The plan has 1 blocks; the model has 4.");
        (await RunAsync(sjd, "--plan", "bad.json", "--way", "jacobi")).AssertFailed(
            ExitCode.Usage, "--plan is an option of the ways auto and gs");
        Assert.Equal(["bad.json"], sjd.Files);
    }

    [ModelFact]
    public async Task Models_of_other_kinds_are_refused_with_the_command_for_them()
    {
        using var sjd = new Sjd();
        (await RunAsync(sjd, "--model", TestModel.Folder!)).AssertFailed(ExitCode.Model, "Use 'sjd generate'");
        (await sjd.RunAsync("generate", "a fox", "--model", "shapes", "-o", "x.png")).AssertFailed(ExitCode.Model, "Use 'sjd flow'");
        Assert.Empty(sjd.Files);
    }

    private static Task<Finished> RunAsync(Sjd sjd, params string[] arguments) => sjd.RunAsync(["flow", .. arguments]);

    private static double Number(JsonElement element, string name) => element.GetProperty(name).GetDouble();

    private static IEnumerable<string?> Values(JsonElement report, string list, string name) =>
        report.GetProperty(list).EnumerateArray().Select(each => each.GetProperty(name).GetString());
}
