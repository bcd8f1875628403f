using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Runtime.Tests;

[Collection(UsesLoadedModel.Name)]
public sealed class GeneratedImageTests(LoadedTestModel loaded) : IDisposable
{
    private static readonly GenerationRequest Fox = new() { Prompt = "a 🦊\nabove a rocket", Seed = 7, Method = "sjd", Window = 8 };

    private readonly string _folder = Directory.CreateTempSubdirectory("sjdonnx-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [ModelTheory]
    [InlineData("fox.png", ImageFormat.Png)]
    [InlineData("fox.jpeg", ImageFormat.Jpeg)]
    [InlineData("fox.webp", ImageFormat.WebP)]
    public async Task A_saved_picture_says_how_it_was_drawn(string name, ImageFormat format)
    {
        GeneratedImage image = await loaded.Model.GenerateAsync(Fox);
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, "the picture before");

        await image.SaveAsync(path);

        ImageFileInfo file = ImageFileInfo.Read(path);
        Assert.Equal((format, image.Width, image.Height), (file.Format, file.Width, file.Height));
        DrawnRequest request = GenerationData.FromJson(file.GenerationJson!).Request;
        Assert.Equal((Fox.Prompt, Fox.Seed, Fox.Method), (request.Prompt, request.Seed, request.Method));
        Assert.StartsWith("a 🦊 above a rocket\nSteps: ", file.Parameters, StringComparison.Ordinal);
        Assert.Equal([name], Directory.EnumerateFileSystemEntries(_folder).Select(Path.GetFileName));
        Assert.Equal(File.ReadAllBytes(path), image.Encode(format));
    }

    [ModelFact]
    public async Task A_picture_without_metadata_says_nothing()
    {
        GeneratedImage image = await loaded.Model.GenerateAsync(Fox);
        using var stream = new MemoryStream();

        await image.SaveAsync(stream, ImageFormat.Jpeg, new ImageFileOptions { Metadata = false });

        stream.Position = 0;
        Assert.Equal(new ImageFileInfo(ImageFormat.Jpeg, image.Width, image.Height, null, null), ImageFileInfo.Read(stream));
    }

    [ModelFact]
    public async Task A_picture_that_cannot_be_saved_leaves_nothing_behind()
    {
        GeneratedImage image = await loaded.Model.GenerateAsync(Fox);
        string path = Path.Combine(_folder, "fox.png");
        File.WriteAllText(path, "the picture before");
        Directory.CreateDirectory(Path.Combine(_folder, "folder.png"));

        var unknown = await Assert.ThrowsAsync<ArgumentException>(() => image.SaveAsync(Path.Combine(_folder, "fox.gif")));
        Assert.Contains("its extension must be one of .png, .jpg, .jpeg, .webp.", unknown.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(() => image.SaveAsync(path, new ImageFileOptions { Quality = 80 }));
        var cancelled = new CancellationToken(canceled: true);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => image.SaveAsync(path, cancellationToken: cancelled));
        Exception? refused = await Record.ExceptionAsync(() => image.SaveAsync(Path.Combine(_folder, "folder.png")));
        Assert.True(refused is IOException or UnauthorizedAccessException, $"{refused}");
        await Assert.ThrowsAnyAsync<IOException>(() => image.SaveAsync(Path.Combine(_folder, "nowhere", "fox.png")));

        Assert.Equal("the picture before", File.ReadAllText(path));
        string[] names = [.. Directory.EnumerateFileSystemEntries(_folder).Select(entry => Path.GetFileName(entry)!).Order(StringComparer.Ordinal)];
        Assert.Equal(["folder.png", "fox.png"], names);
    }

    [ModelFact]
    public async Task A_link_is_written_through()
    {
        if (OperatingSystem.IsWindows())
            return; // links need a privilege there

        GeneratedImage image = await loaded.Model.GenerateAsync(Fox);
        string target = Path.Combine(_folder, "target.png");
        string link = Path.Combine(_folder, "link.png");
        File.WriteAllText(target, "before");
        File.CreateSymbolicLink(link, target);

        await image.SaveAsync(link);

        Assert.Equal(image.Width, ImageFileInfo.Read(target).Width);
        Assert.Equal(target, new FileInfo(link).LinkTarget);
    }
}
