namespace SjdOnnx.Cli.Tests;

/// <summary>Where models are found and pictures go.</summary>
public sealed class PlacesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sjdonnx-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_name_is_a_model_beside_the_program_or_in_a_folder_above_the_current_one()
    {
        string program = Make("program");
        string current = Make("repository/src/deep");
        string above = Make("repository/onnx-models/emoji");
        Assert.Equal(above, ModelLocation.Find(null, program, current));
        Assert.Equal(above, ModelLocation.Find("emoji", program, current));

        string beside = Make("program/onnx-models/emoji");
        Assert.Equal(beside, ModelLocation.Find(null, program, current));
    }

    [Fact]
    public void What_is_no_name_is_a_path_and_so_is_the_name_of_a_model_folder_here()
    {
        string current = Make("current");
        Assert.Equal("./emoji", ModelLocation.Find("./emoji", current, current));
        Assert.Equal("..", ModelLocation.Find("..", current, current));
        Assert.Equal("models/emoji", ModelLocation.Find("models/emoji", current, current));

        File.WriteAllText(Path.Combine(Make("current/mine"), "model.json"), "{}");
        Assert.Equal("mine", ModelLocation.Find("mine", current, current));
    }

    [Fact]
    public void An_unknown_name_says_where_it_was_looked_for()
    {
        var error = Assert.Throws<CommandException>(() => ModelLocation.Find("nowhere", _folder, _folder));

        Assert.Equal(ExitCode.Model, error.ExitCode);
        Assert.Contains("onnx-models/nowhere", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_with_an_index_sort_as_the_pictures_do()
    {
        Assert.Equal("out/fox.png", new PictureNames("out/fox.png", 1, ".png").Of(0, 42));
        Assert.Equal("out.d/fox-7", new PictureNames("out.d/fox", 10, ".png").Of(7, 42));
        Assert.Equal("fox-07.png", new PictureNames("fox.png", 11, ".png").Of(7, 42));
    }

    [Fact]
    public void A_preview_has_the_format_of_its_picture()
    {
        Assert.Equal("out/fox.preview.png", new PictureNames("out/fox.png", 1, ".png").PreviewOf("out/fox.png"));
        Assert.Equal("fox-0.preview.jpg", new PictureNames("fox.jpeg", 2, ".jpg").PreviewOf("fox-0.jpeg"));
    }

    [Fact]
    public void A_link_is_written_through()
    {
        if (OperatingSystem.IsWindows())
            return; // links need a privilege there

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
    public void A_file_that_is_new_replaces_none()
    {
        string path = Path.Combine(_folder, "fox.png");

        Assert.True(OutputFile.TryWriteNew(path, "first"u8));
        Assert.False(OutputFile.TryWriteNew(path, "second"u8));
        Assert.Equal("first", File.ReadAllText(path));
        Assert.Equal(["fox.png"], Directory.EnumerateFileSystemEntries(_folder).Select(Path.GetFileName));
    }

    [Fact]
    public void A_failed_write_leaves_nothing_behind()
    {
        Make("fox.png");

        Assert.Throws<CommandException>(() => OutputFile.Replace(Path.Combine(_folder, "fox.png"), "bytes"u8));
        Assert.Equal(["fox.png"], Directory.EnumerateFileSystemEntries(_folder).Select(Path.GetFileName));
    }

    private string Make(string name) => Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
}
