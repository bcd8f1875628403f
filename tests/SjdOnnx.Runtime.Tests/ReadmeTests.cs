using System.Runtime.CompilerServices;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Runtime.Tests;

/// <summary>The README's example, run.</summary>
public class ReadmeTests
{
    [ModelFact]
    public async Task The_example_works()
    {
        string folder = TestModel.Folder!;
        using TextToImage model = TextToImage.Load(folder);
        GeneratedImage image = await model.GenerateAsync(new GenerationRequest { Prompt = "four strawberries on a pink background", Seed = 7 });
        DirectoryInfo scratch = Directory.CreateTempSubdirectory("sjdonnx-");
        string path = Path.Combine(scratch.FullName, "strawberries.png");
        await image.SaveAsync(path);
        Assert.Equal(image.Width, ImageFileInfo.Read(path).Width);
        scratch.Delete(recursive: true);
    }

    [Fact]
    public void The_readme_has_this_example()
    {
        string[] example = [.. File.ReadLines(Source()).Select(line => line.Trim()).Where(line => line.StartsWith("GeneratedImage image", StringComparison.Ordinal))];
        string readme = File.ReadAllText(Path.Combine(Path.GetDirectoryName(Source())!, "..", "..", "README.md"));
        Assert.All(example, line => Assert.Contains(line, readme, StringComparison.Ordinal));
        Assert.NotEmpty(example);
        Assert.Contains("await image.SaveAsync(\"strawberries.png\");", readme, StringComparison.Ordinal);
    }

    private static string Source([CallerFilePath] string file = "") => file;
}
