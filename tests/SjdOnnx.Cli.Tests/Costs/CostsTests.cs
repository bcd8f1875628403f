using System.Text.Json;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests.Costs;

public class CostsTests
{
    [ModelFact]
    public async Task Costs_are_measured_once_and_again_if_the_user_asks()
    {
        using var sjd = new Sjd { Cache = "cache" };

        Finished first = await RunAsync(sjd);
        Assert.True(first.ExitCode == 0, first.Error);
        Assert.Matches("in a pass, .*: measured now, kept in .*[.]\n$", first.Error);
        string[] lines = first.Output.TrimEnd('\n').Split('\n');
        Assert.Matches(@"^\| +0 \| +[0-9.]+ \| +1[.]00 \|$", lines[2]);
        Assert.True(lines.Length > 5);

        Finished second = await RunAsync(sjd, "--json");
        Assert.Contains(": measured before, kept in ", second.Error, StringComparison.Ordinal);
        JsonElement table = JsonElement.Parse(second.Output);
        Assert.Equal(
            ["precision", "provider", "threads", "groups", "images", "processor", "processors", "onnx_runtime", "costs",
                "was_kept", "file"],
            table.EnumerateObject().Select(member => member.Name));
        Assert.True(table.GetProperty("was_kept").GetBoolean());
        Assert.Equal(0, table.GetProperty("costs")[0].GetProperty("drafts").GetInt32());
        Assert.All(table.GetProperty("costs").EnumerateArray(), cost => Assert.True(cost.GetProperty("seconds").GetDouble() > 0));

        Finished again = await RunAsync(sjd, "--measure");
        Assert.Contains(": measured now, kept in ", again.Error, StringComparison.Ordinal);
    }

    [ModelFact]
    public async Task More_images_than_the_model_has_graphs_for_are_refused()
    {
        using var sjd = new Sjd();

        (await RunAsync(sjd, "--batch", "64")).AssertFailed(ExitCode.Request, "--batch has 64; ");
        (await sjd.GenerateAsync("a fox", "--count", "64", "--batch", "64")).AssertFailed(ExitCode.Request, "--batch has 64; ");
        (await sjd.RunAsync("bench", "--model", TestModel.Folder!, "--batches", "1,64")).AssertFailed(
            ExitCode.Request, "--batches has 64; ");
        Assert.Empty(sjd.Files);
    }

    private static Task<Finished> RunAsync(Sjd sjd, params string[] arguments) =>
        sjd.RunAsync(["costs", "--model", TestModel.Folder!, .. arguments]);
}
