using SjdOnnx.Methods;

namespace SjdOnnx.Runtime.Tests;

public class RequestCheckerTests
{
    private static GenerationRequest Request => new() { Prompt = "a fox", Seed = 5 };

    [ModelFact]
    public async Task It_fills_in_the_same_defaults_as_drawing()
    {
        var options = new GenerationOptions { Method = new SpeculativeJacobi(), Window = 16, Guidance = 2 };
        var checker = RequestChecker.Open(TestModel.Folder!);
        await using TextToImage model = await TextToImage.LoadAsync(TestModel.Folder!);

        GenerationSettings settings = checker.Check(Request, options);

        GeneratedImage image = await model.GenerateAsync(Request, options);
        Assert.Equal(image.Settings with { Threads = 0 }, settings);
        Assert.Equal(model.Model.Hash, checker.Model.Hash);
    }

    [ModelFact]
    public void It_refuses_what_drawing_refuses()
    {
        var checker = RequestChecker.Open(TestModel.Folder!);

        Assert.Throws<RequestException>(() => checker.Check(Request with { Prompt = " " }));
        Assert.Throws<RequestException>(() => checker.Check(Request with { Prompt = string.Concat(Enumerable.Repeat("pig ", 9999)) }));
        Assert.Throws<RequestException>(() => checker.Check(Request, new GenerationOptions { Size = new ImageSize(1, 1) }));
        Assert.Throws<RequestException>(() => checker.Check(Request, new GenerationOptions { Temperature = -1 }));
    }

    [ModelFact]
    public void It_reads_no_graph()
    {
        using var copy = new ModelCopy();
        foreach (string graph in Directory.GetFiles(copy.Folder, "*.onnx"))
        {
            long length = new FileInfo(graph).Length;
            File.Delete(graph);
            File.WriteAllBytes(graph, new byte[length]);
        }

        Assert.Equal("a fox", RequestChecker.Open(copy.Folder).Check(Request).Prompt);
    }

    [ModelFact]
    public void A_folder_without_a_model_is_refused() =>
        Assert.Throws<ModelException>(() => RequestChecker.Open(Path.GetTempPath()));
}
