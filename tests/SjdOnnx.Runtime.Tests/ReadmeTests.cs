using System.Runtime.CompilerServices;

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
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], image.Png[..4].ToArray());
    }

    [Fact]
    public void The_readme_has_this_example()
    {
        string[] example = [.. File.ReadLines(Source()).Select(line => line.Trim()).Where(line => line.StartsWith("GeneratedImage image", StringComparison.Ordinal))];
        string readme = File.ReadAllText(Path.Combine(Path.GetDirectoryName(Source())!, "..", "..", "README.md"));
        Assert.All(example, line => Assert.Contains(line, readme, StringComparison.Ordinal));
        Assert.NotEmpty(example);
    }

    private static string Source([CallerFilePath] string file = "") => file;
}
