using System.Text.Json.Nodes;
using SjdOnnx.Runtime.Costs;

namespace SjdOnnx.Runtime.Tests.Costs;

public sealed class PassCostFileTests : IDisposable
{
    private static readonly PassCostKey Key = new("abc", "cpu", 2, 1, "A processor", 2, "1.29.0", "0.1.0");
    private static readonly PassCost[] Costs =
        [new(0, new TimeSpan(10_001)), new(4, new TimeSpan(33_333)), new(16, TimeSpan.FromMilliseconds(10))];

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"sjdonnx-{Guid.NewGuid():N}");

    private PassCostFile File => new(_folder);

    [Fact]
    public void A_table_is_read_as_it_was_written()
    {
        Assert.True(File.Write(Key, groups: 2, Costs));
        Assert.Equal(Costs, File.Read(Key)!.Costs);
        Assert.Equal(2, File.Read(Key)!.Groups);
        Assert.Equal([File.PathOf(Key)!], Directory.GetFiles(_folder)); // and no temporary file
    }

    [Fact]
    public void A_table_does_not_serve_another_machine_graph_or_setting()
    {
        File.Write(Key, groups: 2, Costs);
        foreach (PassCostKey other in (PassCostKey[])
            [
                Key with { Graph = "abd" }, Key with { Provider = "cuda" }, Key with { Threads = 1 }, Key with { Images = 2 },
                Key with { Processor = "B" }, Key with { Processors = 4 }, Key with { OnnxRuntime = "1.30.0" },
                Key with { Engine = "0.2.0" },
            ])
        {
            Assert.Null(File.Read(other));
            Assert.NotEqual(File.PathOf(Key), File.PathOf(other));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("not json")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[1, 2]")]
    public void A_damaged_file_is_ignored_and_replaced(string content)
    {
        Directory.CreateDirectory(_folder);
        System.IO.File.WriteAllText(File.PathOf(Key)!, content);
        Assert.Null(File.Read(Key));
        Assert.True(File.Write(Key, groups: 2, Costs));
        Assert.Equal(Costs, File.Read(Key)!.Costs);
    }

    [Theory]
    [InlineData("00:00:00.0010001", "-00:00:00.0010001")]
    [InlineData("00:00:00.0010001", "00:00:00")]
    [InlineData("00:00:00.0010001", "a while")]
    [InlineData("\"drafts\": 4", "\"drafts\": 40")]
    [InlineData("\"format\": 3", "\"format\": 2")]
    [InlineData("\"groups\": 2", "\"groups\": 0")]
    [InlineData("A processor", "Another")]
    public void A_table_with_an_impossible_value_is_ignored(string written, string damaged)
    {
        File.Write(Key, groups: 2, Costs);
        string path = File.PathOf(Key)!;
        string text = System.IO.File.ReadAllText(path);
        Assert.Contains(written, text, StringComparison.Ordinal);
        System.IO.File.WriteAllText(path, text.Replace(written, damaged, StringComparison.Ordinal));
        Assert.Null(File.Read(Key));
    }

    [Fact]
    public void A_table_with_an_empty_row_is_ignored()
    {
        File.Write(Key, groups: 2, Costs);
        string path = File.PathOf(Key)!;
        JsonObject table = JsonNode.Parse(System.IO.File.ReadAllText(path))!.AsObject();
        table["costs"]!.AsArray().Add(null);
        System.IO.File.WriteAllText(path, table.ToJsonString());
        Assert.Null(File.Read(Key));
    }

    [Fact]
    public void A_folder_that_cannot_be_created_is_no_error()
    {
        System.IO.File.WriteAllText(_folder, "a file");
        Assert.False(File.Write(Key, groups: 2, Costs));
        Assert.Null(File.Read(Key));
        System.IO.File.Delete(_folder);
    }

    [Fact]
    public void Without_a_folder_no_table_is_kept()
    {
        var none = new PassCostFile(null);
        Assert.Null(none.PathOf(Key));
        Assert.False(none.Write(Key, groups: 1, Costs));
        Assert.Null(none.Read(Key));
    }

    public void Dispose()
    {
        if (Directory.Exists(_folder))
            Directory.Delete(_folder, recursive: true);
    }
}
