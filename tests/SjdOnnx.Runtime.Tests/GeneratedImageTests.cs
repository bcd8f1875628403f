using System.Text.Json.Nodes;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime.Images;
using SjdOnnx.Runtime.Tests.Images;

namespace SjdOnnx.Runtime.Tests;

[Collection(UsesLoadedModel.Name)]
public sealed class GeneratedImageTests(LoadedTestModel loaded) : IDisposable
{
    private static readonly GenerationRequest Fox = new() { Prompt = "a 🦊\nabove a rocket", Seed = 7 };
    private static readonly GenerationOptions Sjd = new() { Method = new SpeculativeJacobi(), Window = 8 };

    private readonly string _folder = Directory.CreateTempSubdirectory("sjdonnx-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [ModelTheory]
    [InlineData("fox.png", ImageFormat.Png)]
    [InlineData("fox.jpeg", ImageFormat.Jpeg)]
    [InlineData("fox.webp", ImageFormat.WebP)]
    public async Task A_saved_image_file_holds_the_data_that_drew_it(string name, ImageFormat format)
    {
        GeneratedImage image = await loaded.Model.GenerateAsync(Fox, Sjd);
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, "the file before");

        await image.SaveAsync(path);

        ImageFileInfo file = ImageFileInfo.Read(path);
        Assert.Equal((format, image.Width, image.Height), (file.Format, file.Width, file.Height));
        DrawnRequest request = GenerationData.FromJson(file.GenerationJson!).Request;
        Assert.Equal((Fox.Prompt, Fox.Seed, "sjd", 8), (request.Prompt, request.Seed, request.Method, request.Window));
        Assert.StartsWith("a 🦊 above a rocket\nSteps: ", file.Parameters, StringComparison.Ordinal);
        Assert.Equal([name], Directory.EnumerateFileSystemEntries(_folder).Select(Path.GetFileName));
        Assert.Equal(File.ReadAllBytes(path), image.Encode(format));
    }

    [ModelFact]
    public async Task Without_statistics_a_seed_exact_image_has_the_same_bytes_alone_and_in_a_batch_with_an_automatic_window()
    {
        var exact = new GenerationOptions { Method = new GumbelExact(), Window = WindowSize.Auto };
        var file = new ImageFileOptions { Statistics = false };
        GeneratedImage alone = await loaded.Model.GenerateAsync(Fox, exact);

        GeneratedImage[] batch = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(i => loaded.Model.GenerateAsync(Fox with { Seed = Fox.Seed + (ulong)i }, exact)));

        Assert.Equal(alone.Encode(options: file), batch[0].Encode(options: file));
        Assert.DoesNotContain("forward_passes", GenerationData.Of(alone, statistics: false).ToJson(), StringComparison.Ordinal);
        Assert.Contains("forward_passes", GenerationData.Of(alone).ToJson(), StringComparison.Ordinal);
    }

    public static TheoryData<string, string> MethodsWithOptions => new()
    {
        { "gsd", """{"group_size":9,"group_tolerance":0.25}""" },
        { "pac", """{"branching":"3x2"}""" },
        { "early-exit", """{"iterations":3}""" },
        { "sjd++", """{"reuse_threshold":0.5}""" },
    };

    [ModelTheory]
    [MemberData(nameof(MethodsWithOptions))]
    public async Task The_generation_data_hold_the_options_of_the_method(string name, string json)
    {
        IDecodingMethod method = DecodingMethods.BuiltIn[name].Default;
        foreach ((string key, JsonNode? value) in JsonNode.Parse(json)!.AsObject())
            method = method.Descriptor.Options.Single(option => option.Name == key.Replace('_', '-')).Apply(method, value!.ToString());

        GeneratedImage image = await loaded.Model.GenerateAsync(Fox, Sjd with { Method = method });

        DrawnRequest request = GenerationData.FromJson(TestImages.Read(image.Encode()).GenerationJson!).Request;
        Assert.Equal((name, json), (request.Method, request.MethodOptions!.ToJsonString()));
        Assert.Equal(method.Descriptor.IsExact, request.Exact);
    }

    [ModelFact]
    public async Task An_image_file_without_metadata_holds_no_generation_data()
    {
        GeneratedImage image = await loaded.Model.GenerateAsync(Fox, Sjd);
        using var stream = new MemoryStream();

        await image.SaveAsync(stream, ImageFormat.Jpeg, new ImageFileOptions { Metadata = false });

        stream.Position = 0;
        Assert.Equal(new ImageFileInfo(ImageFormat.Jpeg, image.Width, image.Height, null, null), ImageFileInfo.Read(stream));
    }

    [ModelFact]
    public async Task An_image_that_cannot_be_saved_leaves_the_file_before_and_no_other()
    {
        GeneratedImage image = await loaded.Model.GenerateAsync(Fox, Sjd);
        string path = Path.Combine(_folder, "fox.png");
        File.WriteAllText(path, "the file before");
        Directory.CreateDirectory(Path.Combine(_folder, "folder.png"));

        var unknown = await Assert.ThrowsAsync<ArgumentException>(() => image.SaveAsync(Path.Combine(_folder, "fox.gif")));
        Assert.Contains("its extension must be one of .png, .jpg, .jpeg, .webp.", unknown.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(() => image.SaveAsync(path, new ImageFileOptions { Quality = 80 }));
        var cancelled = new CancellationToken(canceled: true);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => image.SaveAsync(path, cancellationToken: cancelled));
        Exception? refused = await Record.ExceptionAsync(() => image.SaveAsync(Path.Combine(_folder, "folder.png")));
        Assert.True(refused is IOException or UnauthorizedAccessException, $"{refused}");
        await Assert.ThrowsAnyAsync<IOException>(() => image.SaveAsync(Path.Combine(_folder, "nowhere", "fox.png")));

        Assert.Equal("the file before", File.ReadAllText(path));
        IEnumerable<string?> names = Directory.EnumerateFileSystemEntries(_folder).Select(Path.GetFileName);
        Assert.Equal(["folder.png", "fox.png"], names.Order(StringComparer.Ordinal));
    }

    [ModelFact(UnixOnly = true)]
    public async Task A_link_is_written_through()
    {
        GeneratedImage image = await loaded.Model.GenerateAsync(Fox, Sjd);
        string target = Path.Combine(_folder, "target.png");
        string link = Path.Combine(_folder, "link.png");
        File.WriteAllText(target, "before");
        File.CreateSymbolicLink(link, target);

        await image.SaveAsync(link);

        Assert.Equal(image.Width, ImageFileInfo.Read(target).Width);
        Assert.Equal(target, new FileInfo(link).LinkTarget);
    }
}
