namespace SjdOnnx.Runtime.Tests;

/// <summary>A model whose weights are damaged, and whose hashes were written after that: its logits are NaN.</summary>
public sealed class NotFiniteModelTests : IDisposable
{
    private const string Graph = "transformer.fp32.onnx";
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox" };
    private readonly ModelCopy _copy = new();

    [ModelFact]
    public async Task Logits_that_are_not_numbers_end_every_call_with_the_remedy()
    {
        byte[] graph = File.ReadAllBytes(_copy.PathOf(Graph));
        graph.AsSpan(graph.Length / 2, 4096).Fill(0xFF); // NaN, wherever a number begins
        _copy.Replace(Graph, graph);
        var options = new TextToImageOptions { Precision = Precision.Fp32, Threads = 1, CacheFolder = "" };
        using TextToImage model = TextToImage.Load(_copy.Folder, options);

        foreach (Func<Task> call in (Func<Task>[])
            [
                () => model.GenerateAsync(Fox, new GenerationOptions { Window = 16 }),
                () => model.MeasurePassCostsAsync(),
                () => Task.Run(() => PrecisionError.Measure(_copy.Folder, Fox, load: options)),
            ])
        {
            var error = await Assert.ThrowsAsync<InferenceException>(call);
            Messages.AssertReadable(error);
            Assert.Contains("The model is damaged, or its precision is too low", error.Message, StringComparison.Ordinal);
        }
    }

    public void Dispose() => _copy.Dispose();
}
