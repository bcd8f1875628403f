using SjdOnnx.Cli.Batch;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests.Batch;

public sealed class ResultsFileTests : IDisposable
{
    private const string Name = "results.jsonl";

    private readonly string _folder = Directory.CreateTempSubdirectory("sjdonnx-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Lines_are_read_again_and_the_last_one_of_a_file_holds()
    {
        using (ResultsFile results = ResultsFile.Open(_folder, Name))
        {
            results.Add(Result(0));
            results.Add(Result(1) with { Error = "NaN" });
            results.Add(Result(1));
        }

        using ResultsFile again = ResultsFile.Open(_folder, Name);
        Assert.Equal([Result(0), Result(1)], again.Read().Values);
    }

    [Theory]
    [InlineData("{\"index\":5,\"li")]
    [InlineData("{")]
    [InlineData("\0\0\0")]
    public void The_rest_of_a_torn_line_is_cut_off(string torn)
    {
        using (ResultsFile results = ResultsFile.Open(_folder, Name))
            results.Add(Result(0));
        File.AppendAllText(PathOf(Name), torn);

        using (ResultsFile results = ResultsFile.Open(_folder, Name))
        {
            Assert.Equal([Result(0)], results.Read().Values);
            results.Add(Result(1));
        }

        Assert.Equal([Result(0).ToJson(), Result(1).ToJson()], File.ReadAllLines(PathOf(Name)));
    }

    [Fact]
    public void A_damaged_line_is_named()
    {
        File.WriteAllText(PathOf(Name), Result(0).ToJson() + "\n{\"index\":1}\n");

        using ResultsFile results = ResultsFile.Open(_folder, Name);
        var error = Assert.Throws<CommandException>(results.Read);

        Assert.StartsWith($"line 2 of '{PathOf(Name)}' is not a result; delete that line", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void It_is_written_anew_in_the_order_of_the_images()
    {
        ResultsFile results = ResultsFile.Open(_folder, Name);
        results.Add(Result(3));
        results.CloseWith([Result(3), Result(0)]);

        Assert.Equal([Result(0).ToJson(), Result(3).ToJson()], File.ReadAllLines(PathOf(Name)));
        Assert.Equal([Name], Directory.EnumerateFileSystemEntries(_folder).Select(Path.GetFileName));
    }

    [Fact]
    public void A_file_without_a_result_is_removed()
    {
        ResultsFile.Open(_folder, Name).Dispose();

        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder));
    }

    [Fact]
    public void While_it_is_open_no_other_process_draws_into_the_folder()
    {
        using ResultsFile results = ResultsFile.Open(_folder, Name);
        results.Add(Result(0));

        var error = Assert.Throws<CommandException>(() => ResultsFile.Open(_folder, Name));

        Assert.Equal(ExitCode.Output, error.ExitCode);
        Assert.Contains("is in use: another sjd draws into this folder", error.Message, StringComparison.Ordinal);
        Assert.Throws<CommandException>(() => ResultsFile.ReadOthers(_folder, "results-1-of-2.jsonl", new Shard(1, 2)));
    }

    [Fact]
    public void Shards_of_one_division_are_open_at_the_same_time_and_the_whole_is_not()
    {
        using ResultsFile first = ResultsFile.Open(_folder, ResultsFile.NameOf(new Shard(1, 2)));
        using ResultsFile second = ResultsFile.Open(_folder, ResultsFile.NameOf(new Shard(2, 2)));

        Assert.Empty(ResultsFile.ReadOthers(_folder, ResultsFile.NameOf(new Shard(2, 2)), new Shard(2, 2)));
        Assert.Throws<CommandException>(() => ResultsFile.ReadOthers(_folder, Name, Shard.Whole));
        Assert.Throws<CommandException>(
            () => ResultsFile.ReadOthers(_folder, ResultsFile.NameOf(new Shard(1, 3)), new Shard(1, 3)));
    }

    [Fact]
    public void The_whole_reads_the_results_of_shards()
    {
        foreach (int number in (int[])[1, 2])
        {
            using ResultsFile shard = ResultsFile.Open(_folder, ResultsFile.NameOf(new Shard(number, 2)));
            shard.Add(Result(number));
        }

        Assert.Equal([Result(1), Result(2)], ResultsFile.ReadOthers(_folder, Name, Shard.Whole).Values);
    }

    private string PathOf(string name) => Path.Combine(_folder, name);

    private static ImageResult Result(int index) => new(index, index + 1, $"{index}.png", "key") { Bytes = 5, Sha256 = "00", Id = "é" };
}
