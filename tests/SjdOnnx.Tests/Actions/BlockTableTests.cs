using System.Security.Cryptography;
using System.Text.Json;
using SjdOnnx.Actions;

namespace SjdOnnx.Tests.Actions;

public class BlockTableTests
{
    public static TheoryData<int> Recorded => [.. Enumerable.Range(0, Episodes.GetArrayLength())];

    /// <summary>Episodes that export/training/policy/record.py ran in Python.</summary>
    private static JsonElement Episodes { get; } = JsonDocument.Parse(
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Actions", "episodes.json"))).RootElement;

    [Theory]
    [MemberData(nameof(Recorded))]
    public void A_table_moves_and_looks_as_in_Python(int index)
    {
        JsonElement episode = Episodes[index];
        var table = new BlockTable(
            Numbers(episode, "gripper"), [.. episode.GetProperty("blocks").EnumerateArray().Select(Numbers)],
            [.. episode.GetProperty("colors").EnumerateArray().Select(static color => color.GetInt32())], Numbers(episode, "pad"),
            episode.GetProperty("wanted").GetInt32());
        Assert.Equal(episode.GetProperty("instruction").GetString(), table.Instruction);
        foreach (JsonElement step in episode.GetProperty("steps").EnumerateArray())
        {
            table.Step(Numbers(step, "action"));
            Assert.Equal(Numbers(step, "gripper"), table.Gripper); // to the last bit
            Assert.Equal([.. step.GetProperty("blocks").EnumerateArray().Select(Numbers)], table.Blocks);
            Assert.Equal(step.GetProperty("held").GetInt32(), table.Held);
            Assert.Equal(step.GetProperty("closed").GetBoolean(), table.IsClosed);
            Assert.Equal(step.GetProperty("done").GetBoolean(), table.IsDone);
            Assert.Equal(step.GetProperty("picture").GetString(), Convert.ToHexStringLower(SHA256.HashData(table.Draw())));
        }
    }

    [Fact]
    public void The_recorded_episodes_hold_everything_that_can_happen()
    {
        JsonElement[] steps = [.. Episodes.EnumerateArray().SelectMany(static one => one.GetProperty("steps").EnumerateArray())];
        Assert.Contains(steps, static step => step.GetProperty("done").GetBoolean());
        Assert.Contains(steps, static step => step.GetProperty("held").GetInt32() == 0);
        Assert.Contains(steps, static step => step.GetProperty("held").GetInt32() == 1);
        Assert.Contains(steps, static step => step.GetProperty("closed").GetBoolean() && step.GetProperty("held").GetInt32() < 0);
    }

    [Fact]
    public void Tables_by_chance_repeat_by_seed_and_differ_by_episode()
    {
        Assert.Equal(BlockTable.Random(3, 7).Draw(), BlockTable.Random(3, 7).Draw());
        Assert.NotEqual(BlockTable.Random(3, 7).Draw(), BlockTable.Random(3, 8).Draw());
        Assert.NotEqual(BlockTable.Random(3, 7).Draw(), BlockTable.Random(4, 7).Draw());
        string[] told = [.. Enumerable.Range(0, 100).Select(static i => BlockTable.Random(0, (uint)i).Instruction).Distinct()];
        Assert.Equal(3, told.Length);
    }

    [Fact]
    public void Actions_that_are_not_four_finite_numbers_are_refused()
    {
        BlockTable table = BlockTable.Random(0, 0);
        Assert.Throws<ArgumentException>(() => table.Step([0, 0, 0]));
        Assert.Throws<ArgumentException>(() => table.Step([0, double.NaN, 0, 0]));
    }

    private static double[] Numbers(JsonElement owner, string name) => Numbers(owner.GetProperty(name));

    private static double[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(static number => number.GetDouble())];
}
