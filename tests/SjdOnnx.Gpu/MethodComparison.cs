using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;

namespace SjdOnnx.Gpu;

/// <summary>Draws images with every method that the provider can run, in every batch, and the same images on the CPU.</summary>
internal static class MethodComparison
{
    private static readonly string[] Prompts = ["a fox above a rocket", "a red apple on a blue background", "a cat", "two stars"];

    /// <param name="reference">The precision on the CPU; null for the same.</param>
    /// <param name="images">Images of each method.</param>
    /// <param name="batches">Images in a pass.</param>
    /// <param name="window">Drafts in a pass.</param>
    public static async Task<object> RunAsync(Loading loading, string? reference, int images, int[] batches, int window)
    {
        await using TextToImage cpu = await TextToImage.LoadAsync(
            loading.Folder, loading.OnCpu(reference ?? loading.Precision.Name).Options);
        await using TextToImage model = await TextToImage.LoadAsync(loading.Folder, loading.Options);
        var found = new List<object>();
        foreach (MethodDescriptor method in DecodingMethods.BuiltIn.All.Where(method => CanDraw(method, loading.Provider, cpu)))
        {
            var options = new GenerationOptions { Method = method.Default, Window = window };
            GeneratedImage[] expected = await DrawAsync(cpu, options, images, batches.Max());
            foreach (int batch in batches.Where(batch => model.Model.Batches.Contains(batch) && !(method.NeedsTree && batch > 1)))
                found.Add(Compare(method.Name, batch, expected, await DrawAsync(model, options, images, batch)));
        }

        return new { Methods = found };
    }

    /// <summary>Draws images with seeds from 1 on; batches do not matter to the result on the CPU.</summary>
    public static async Task<GeneratedImage[]> DrawAsync(TextToImage model, GenerationOptions options, int count, int batch)
    {
        var images = new GeneratedImage[count];
        IEnumerable<GenerationRequest> requests = Enumerable.Range(0, count)
            .Select(i => new GenerationRequest { Prompt = Prompts[i % Prompts.Length], Seed = (ulong)i + 1 });
        await foreach (IndexedImage drawn in model.GenerateManyAsync(requests, options, new GenerateManyOptions { MaxBatch = batch }))
            images[drawn.Index] = drawn.Image;
        return images;
    }

    private static bool CanDraw(MethodDescriptor method, ExecutionProvider provider, TextToImage model) =>
        model.Model.Supports(method) && !(method.NeedsTree && provider != ExecutionProvider.Cpu);

    private static object Compare(string method, int batch, GeneratedImage[] expected, GeneratedImage[] found)
    {
        (GeneratedImage First, GeneratedImage Second)[] pairs = [.. expected.Zip(found)];
        return new
        {
            Method = method,
            Batch = batch,
            Images = found.Length,
            Identical = pairs.Count(static pair => pair.First.Codes.SequenceEqual(pair.Second.Codes)),
            Passes = found.Sum(static image => image.ForwardPasses),
            PassesOnCpu = expected.Sum(static image => image.ForwardPasses),
            MedianPsnr = Figures.Median(pairs.Select(static pair => Figures.Psnr(pair.First.Pixels.Rgb.Span, pair.Second.Pixels.Rgb.Span))),
        };
    }
}

/// <summary>Counts the images of <c>exact</c> that are not, code for code, those of <c>ar</c> with the same seed.</summary>
internal static class Agreement
{
    public static async Task<object> RunAsync(Loading loading, int images, int batch, int window)
    {
        await using TextToImage model = await TextToImage.LoadAsync(loading.Folder, loading.Options);
        GeneratedImage[] expected = await DrawAsync(new Autoregressive());
        GeneratedImage[] found = await DrawAsync(new GumbelExact());
        int[] firsts = [.. expected.Zip(found).Select(static pair => FirstDifference(pair.First.Codes, pair.Second.Codes)).OfType<int>()];
        return new { Images = images, Different = firsts.Length, FirstDifferences = firsts };

        Task<GeneratedImage[]> DrawAsync(IDecodingMethod method) =>
            MethodComparison.DrawAsync(model, new GenerationOptions { Method = method, Window = window }, images, batch);
    }

    private static int? FirstDifference(IReadOnlyList<int> codes, IReadOnlyList<int> others)
    {
        int same = codes.Zip(others).TakeWhile(static pair => pair.First == pair.Second).Count();
        return same == codes.Count ? null : same;
    }
}
