namespace SjdOnnx.Runtime.Tests;

/// <summary>A model whose weights are damaged, and whose hashes were written after that: its logits are NaN.</summary>
public sealed class NotFiniteModelTests : IDisposable
{
    private const string Weights = "checkpoint.safetensors"; // of the fp32 graph, in half precision
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox" };
    private readonly ModelCopy _copy = new();

    [ModelFact]
    public async Task Logits_that_are_not_numbers_end_every_call_with_the_remedy()
    {
        byte[] weights = File.ReadAllBytes(_copy.PathOf(Weights));
        weights.AsSpan(weights.Length / 2, 4096).Fill(0xFF); // NaN, in the matrices of a layer
        _copy.Replace(Weights, weights);
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
