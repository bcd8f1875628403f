using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests.Terminal;

public sealed class OutputFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sjdonnx-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [UnixFact]
    public void A_link_is_written_through()
    {
        string target = Path.Combine(_folder, "target.png");
        string link = Path.Combine(Make("other"), "link.png");
        File.WriteAllText(target, "before");
        File.CreateSymbolicLink(link, target);

        OutputFile.CheckWritable(link);
        OutputFile.Replace(link, "after"u8);

        Assert.Equal("after", File.ReadAllText(target));
        Assert.Equal(target, new FileInfo(link).LinkTarget);
    }

    [Fact]
    public void A_new_file_replaces_no_existing_one()
    {
        string path = Path.Combine(_folder, "fox.png");

        Assert.True(OutputFile.TryWriteNew(path, "first"u8));
        Assert.False(OutputFile.TryWriteNew(path, "second"u8));
        Assert.Equal("first", File.ReadAllText(path));
        Assert.Equal(["fox.png"], Directory.EnumerateFileSystemEntries(_folder).Select(Path.GetFileName));
    }

    [Fact]
    public void A_failed_write_leaves_no_temporary_file()
    {
        Make("fox.png");

        Assert.Throws<CommandException>(() => OutputFile.Replace(Path.Combine(_folder, "fox.png"), "bytes"u8));
        Assert.Equal(["fox.png"], Directory.EnumerateFileSystemEntries(_folder).Select(Path.GetFileName));
    }

    private string Make(string name) => Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
}
