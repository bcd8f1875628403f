using System.Text.Json;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;
using SjdOnnx.Actions;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests.Act;

public class ActTests
{
    private static readonly string Model = TestModel.InRepository("reach")
        ?? throw new DirectoryNotFoundException("There is no onnx-models/reach above the tests; run them in the repository.");

    [Fact]
    public async Task Episodes_are_counted_and_reported_as_json()
    {
        using var sjd = new Sjd();
        Finished done = await RunAsync(sjd, "--episodes", "2", "--seed", "3", "--json");
        Assert.True(done.ExitCode == ExitCode.Done, done.Error);
        JsonElement report = JsonElement.Parse(done.Output);
        Assert.Equal(["model", "precision", "seed", "ways"], report.EnumerateObject().Select(static member => member.Name));
        Assert.Equal(
            ("reach", "fp32", 3),
            (report.GetProperty("model").GetString(), report.GetProperty("precision").GetString(), Int(report, "seed")));
        JsonElement way = Assert.Single(report.GetProperty("ways").EnumerateArray());
        Assert.Equal(("jacobi", JsonValueKind.Null), (way.GetProperty("decoding").GetString(), way.GetProperty("exit").ValueKind));
        Assert.Equal(2, Int(way, "episodes"));
        Assert.InRange(Int(way, "done"), 0, 2);
        Assert.InRange(Int(way, "answers"), 2, 24); // an attempt ends after 12 answers
        Assert.Equal(20 * Int(way, "answers"), Int(way, "tokens"));
        Assert.Equal(Int(way, "answers"), Int(way, "converged"));
        Assert.InRange(way.GetProperty("passes").GetDouble(), Int(way, "fewest_passes"), Int(way, "most_passes"));
        Assert.Equal(20 * way.GetProperty("passes").GetDouble(), way.GetProperty("rows").GetDouble(), 9);
        Assert.Empty(sjd.Files);
    }

    [Fact]
    public async Task All_ways_run_the_same_episodes_and_those_without_an_exit_point_end_alike()
    {
        using var sjd = new Sjd();
        Finished done = await RunAsync(sjd, "--episodes", "2", "--compare", "--json");
        Assert.True(done.ExitCode == ExitCode.Done, done.Error);
        JsonElement[] ways = [.. JsonElement.Parse(done.Output).GetProperty("ways").EnumerateArray()];
        Assert.Equal(
            ["ar", "jacobi", "shrinking", "jacobi 2", "jacobi 4", "jacobi 8", "jacobi 12", "jacobi 16"],
            ways.Select(static way => $"{way.GetProperty("decoding").GetString()} {way.GetProperty("exit")}".TrimEnd()));
        (int Done, int Answers) inOrder = (Int(ways[0], "done"), Int(ways[0], "answers"));
        Assert.All(ways[1..3], way => Assert.Equal(inOrder, (Int(way, "done"), Int(way, "answers"))));
        Assert.Equal((19, 19), (Int(ways[0], "fewest_passes"), Int(ways[0], "most_passes")));
        Assert.All(ways[1..], static way => Assert.True(way.GetProperty("passes").GetDouble() < 19));
        Assert.All(
            ways.Where(static way => way.GetProperty("exit").ValueKind == JsonValueKind.Number),
            static way => Assert.InRange(Int(way, "most_passes"), 1, Int(way, "exit")));
        Assert.True(ways[2].GetProperty("rows").GetDouble() < ways[1].GetProperty("rows").GetDouble());
    }

    [Fact]
    public async Task Without_json_a_table_has_a_line_for_each_way()
    {
        using var sjd = new Sjd();
        Finished done = await RunAsync(sjd, "--episodes", "1", "--decoding", "shrinking", "--exit", "3");
        Assert.True(done.ExitCode == ExitCode.Done, done.Error);
        string[] lines = done.Output.TrimEnd('\n').Split('\n');
        Assert.Matches("decoding.*exit.*done.*passes.*fewest-most.*rows.*tokens/s", lines[0]);
        Assert.Equal(3, lines.Length);
        Assert.Matches(@"shrinking +\| +3 +\| +[01]/1 +\|", lines[2]);
    }

    [Fact]
    public async Task A_replay_has_a_picture_of_each_action_and_replaces_the_whole_file_at_the_end()
    {
        using var sjd = new Sjd();
        await File.WriteAllTextAsync(sjd.PathOf("act.gif"), "an older file");
        Finished done = await RunAsync(sjd, "--episodes", "1", "--exit", "4", "--replay", "act.gif", "--json");
        Assert.True(done.ExitCode == ExitCode.Done, done.Error);
        Assert.Contains("The first episode is in act.gif.", done.Error, StringComparison.Ordinal);
        JsonElement way = JsonElement.Parse(done.Output).GetProperty("ways")[0];
        using Image<Rgb24> replay = Image.Load<Rgb24>(sjd.Read("act.gif"));
        Assert.Equal((8 * BlockTable.Side, 8 * BlockTable.Side), (replay.Width, replay.Height));
        Assert.InRange(replay.Frames.Count, (5 * (Int(way, "answers") - 1)) + 2, (5 * Int(way, "answers")) + 1); // and the table before
        Assert.Equal(["act.gif"], sjd.Files); // no temporary file is left
    }

    [Fact]
    public async Task A_replay_that_cannot_be_written_is_refused_before_the_episodes_run()
    {
        using var sjd = new Sjd();
        (await RunAsync(sjd, "--replay", "nowhere/act.gif")).AssertFailed(ExitCode.Output, "there is no folder");
        Assert.Empty(sjd.Files);
    }

    [Fact]
    public async Task A_picture_and_an_instruction_give_one_action_a_line()
    {
        using var sjd = new Sjd();
        BlockTable table = BlockTable.Random(0, 0);
        using (Image<Rgb24> picture = Image.LoadPixelData<Rgb24>(table.Draw(), BlockTable.Side, BlockTable.Side))
            await picture.SaveAsPngAsync(sjd.PathOf("table.png"));
        Finished done = await RunAsync(sjd, table.Instruction, "--picture", "table.png");
        Assert.True(done.ExitCode == ExitCode.Done, done.Error);
        string[] lines = done.Output.TrimEnd('\n').Split('\n');
        Assert.Equal(5, lines.Length);
        Assert.All(lines, static line => Assert.Matches("^-?[0-9.]+ -?[0-9.]+ -?[0-9.]+ -?1$", line));
        Assert.Matches("^[0-9]+ passes over the window, [0-9]+ rows; no token changes any more[.]\n$", done.Error);

        done = await RunAsync(sjd, table.Instruction, "--picture", "table.png", "--json");
        JsonElement report = JsonElement.Parse(done.Output);
        Assert.Equal(["actions", "ids", "passes", "rows", "converged"], report.EnumerateObject().Select(static member => member.Name));
        Assert.Equal(
            lines.Select(static line => line.Split(' ')[0]),
            report.GetProperty("actions").EnumerateArray().Select(static action => FormattableString.Invariant(
                $"{action[0].GetDouble():0.######}")));
        Assert.Equal(20, report.GetProperty("ids").GetArrayLength());
    }

    [Fact]
    public async Task Pictures_and_models_that_cannot_be_used_end_in_a_sentence()
    {
        using var sjd = new Sjd();
        await File.WriteAllTextAsync(sjd.PathOf("text.png"), "no picture");
        (await RunAsync(sjd, "go", "--picture", "text.png")).AssertFailed(ExitCode.Input, "is not a whole PNG, JPEG or WebP picture");
        (await RunAsync(sjd, "go", "--picture", "none.png")).AssertFailed(ExitCode.Input, "'none.png' cannot be read");
        (await sjd.RunAsync("act", "--model", TestModel.InRepository("emoji")!)).AssertFailed(ExitCode.Model, "Use 'sjd generate'");
        (await sjd.RunAsync("act", "--model", TestModel.InRepository("shapes")!)).AssertFailed(ExitCode.Model, "Use 'sjd flow'");
        (await sjd.RunAsync("generate", "a fox", "--model", Model, "-o", "fox.png")).AssertFailed(ExitCode.Model, "Use 'sjd act'");
    }

    private static Task<Finished> RunAsync(Sjd sjd, params string[] arguments) =>
        sjd.RunAsync(["act", "--model", Model, .. arguments]);

    private static int Int(JsonElement owner, string name) => owner.GetProperty(name).GetInt32();
}
