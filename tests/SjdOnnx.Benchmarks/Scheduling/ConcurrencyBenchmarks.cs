using System.Runtime.CompilerServices;
using BenchmarkDotNet.Attributes;
using SjdOnnx.Runtime;

namespace SjdOnnx.Benchmarks.Scheduling;

/// <summary>
/// Thirty-two images of the built-in model: one after another, as a series with eight in a pass, and by eight callers that know nothing of
/// each other.
/// </summary>
public class ConcurrencyBenchmarks
{
    private const int Images = 32;
    private const int Callers = 8;

    private string[] _prompts = [];
    private TextToImage _model = null!;

    [GlobalSetup]
    public async Task LoadAsync()
    {
        _prompts = await File.ReadAllLinesAsync(Path.Combine(Root(), "tests", "SjdOnnx.Runtime.Tests", "held-out-prompts.txt"));
        _model = await TextToImage.LoadAsync(
            Path.Combine(Root(), "onnx-models", "emoji"), new TextToImageOptions { ExpectedBatch = Callers });
    }

    [GlobalCleanup]
    public async Task DisposeAsync() => await _model.DisposeAsync();

    [Benchmark]
    public async Task OneAfterAnother()
    {
        for (int i = 0; i < Images; i++)
            await _model.GenerateAsync(Request(i));
    }

    [Benchmark(Baseline = true)]
    public async Task Series()
    {
        await foreach (IndexedImage image in _model.GenerateManyAsync(Enumerable.Range(0, Images).Select(Request)))
            GC.KeepAlive(image);
    }

    [Benchmark]
    public Task EightCallers()
    {
        int next = -1;
        return Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Task.Run(CallAsync)));

        async Task CallAsync()
        {
            int i;
            while ((i = Interlocked.Increment(ref next)) < Images)
                await _model.GenerateAsync(Request(i));
        }
    }

    private GenerationRequest Request(int i) => new() { Prompt = _prompts[i], Seed = (ulong)i };

    private static string Root([CallerFilePath] string file = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", "..", ".."));
}
