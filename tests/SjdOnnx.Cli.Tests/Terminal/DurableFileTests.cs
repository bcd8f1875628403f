using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests.Terminal;

public sealed class DurableFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sjdonnx-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_file_is_written_and_nothing_else_is_left()
    {
        DurableFile.Write(PathOf("a.png"), [1, 2, 3]);
        DurableFile.Write(PathOf("a.png"), [4, 5]);

        Assert.Equal([4, 5], File.ReadAllBytes(PathOf("a.png")));
        Assert.Equal(["a.png"], Names);
    }

    [Fact]
    public void What_a_crash_left_is_replaced()
    {
        File.WriteAllBytes(PathOf(".a.png.part"), [9, 9, 9, 9, 9]);

        DurableFile.Write(PathOf("a.png"), [1, 2]);

        Assert.Equal([1, 2], File.ReadAllBytes(PathOf("a.png")));
        Assert.Equal(["a.png"], Names);
    }

    [Fact]
    public void Two_writers_of_equal_bytes_do_not_disturb_each_other()
    {
        byte[] bytes = [.. Enumerable.Range(0, 100_000).Select(i => (byte)(i * i / 7))];

        for (int i = 0; i < 20; i++)
        {
            string path = PathOf($"{i}.png");
            Parallel.Invoke(() => DurableFile.Write(path, bytes), () => DurableFile.Write(path, bytes));
            Assert.Equal(bytes, File.ReadAllBytes(path));
        }

        Assert.Equal(20, Names.Count());
    }

    [Fact]
    public void A_missing_folder_is_named()
    {
        var error = Assert.Throws<CommandException>(() => DurableFile.Write(PathOf("none/a.png"), [1]));

        Assert.Equal(ExitCode.Output, error.ExitCode);
        Assert.StartsWith($"'{PathOf("none/a.png")}' cannot be written:", error.Message, StringComparison.Ordinal);
    }

    private IEnumerable<string?> Names => Directory.EnumerateFileSystemEntries(_folder).Select(Path.GetFileName);

    private string PathOf(string name) => Path.Combine(_folder, name);
}
