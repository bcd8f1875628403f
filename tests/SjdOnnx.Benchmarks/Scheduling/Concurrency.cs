using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using SjdOnnx.Runtime;

namespace SjdOnnx.Benchmarks.Scheduling;

/// <summary>
/// Draws the same images of the built-in model one after another, as a series with eight in a pass, and by eight callers that know nothing
/// of each other. The three take turns, because BenchmarkDotNet would time them one after the other, minutes apart, while the speed of the
/// machine drifts.
/// </summary>
internal static class Concurrency
{
    private const int Images = 32;
    private const int Callers = 8;

    /// <summary>Prints a table of images per second: medians, ranges and the ratio to the series of the same round.</summary>
    public static async Task RunAsync(int rounds)
    {
        string[] prompts = await File.ReadAllLinesAsync(
            Path.Combine(Root(), "tests", "SjdOnnx.Runtime.Tests", "held-out-prompts.txt"));
        await using TextToImage model = await TextToImage.LoadAsync(
            Path.Combine(Root(), "onnx-models", "emoji"), new TextToImageOptions { ExpectedBatch = Callers });
        GenerationRequest[] requests =
            [.. Enumerable.Range(0, Images).Select(i => new GenerationRequest { Prompt = prompts[i], Seed = (ulong)i })];
        (string Name, Func<Task> Draw)[] ways =
        [
            ("one after another", OneAfterAnotherAsync), ("series of eight", SeriesAsync), ("eight callers", EightCallersAsync),
        ];

        double[][] seconds = [.. ways.Select(_ => new double[rounds])];
        for (int round = -1; round < rounds; round++) // the first is a warm-up
        {
            for (int way = 0; way < ways.Length; way++)
            {
                long start = Stopwatch.GetTimestamp();
                await ways[way].Draw();
                if (round >= 0)
                    seconds[way][round] = Stopwatch.GetElapsedTime(start).TotalSeconds;
            }
        }

        Console.WriteLine($"{Images} images, {rounds} rounds, {Environment.ProcessorCount} processors:");
        Console.WriteLine("| | images per second, median | from | to | against the series of the same round, median | from | to |");
        Console.WriteLine("|---|---|---|---|---|---|---|");
        for (int way = 0; way < ways.Length; way++)
        {
            IEnumerable<double> speeds = seconds[way].Select(static time => Images / time);
            IEnumerable<double> ratios = seconds[way].Zip(seconds[1], static (time, series) => series / time);
            Console.WriteLine($"| {ways[way].Name} | {Row(speeds)} | {Row(ratios)} |");
        }

        async Task OneAfterAnotherAsync()
        {
            foreach (GenerationRequest request in requests)
                await model.GenerateAsync(request);
        }

        async Task SeriesAsync()
        {
            await foreach (IndexedImage image in model.GenerateManyAsync(requests, many: new GenerateManyOptions { MaxBatch = Callers }))
                GC.KeepAlive(image);
        }

        Task EightCallersAsync()
        {
            int next = -1;
            return Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Task.Run(CallAsync)));

            async Task CallAsync()
            {
                int i;
                while ((i = Interlocked.Increment(ref next)) < Images)
                    await model.GenerateAsync(requests[i]);
            }
        }
    }

    private static string Row(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        double median = (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
        return string.Create(CultureInfo.InvariantCulture, $"{median:F2} | {sorted[0]:F2} | {sorted[^1]:F2}");
    }

    private static string Root([CallerFilePath] string file = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", "..", ".."));
}
