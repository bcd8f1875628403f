using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Bench;

/// <summary>The model at every precision that takes part, all in memory at once so that they can take turns.</summary>
internal sealed class BenchModels(BenchOptions options) : IDisposable
{
    private readonly Dictionary<string, TextToImage> _byPrecision = new(StringComparer.Ordinal);

    /// <summary>Of the model that was loaded first.</summary>
    public ModelDescription Description => _byPrecision.Values.First().Model;

    /// <summary>What the pictures were drawn with; null before the first.</summary>
    public GenerationSettings? Settings { get; private set; }

    /// <exception cref="ModelException">The folder is not a whole model, or has not this precision.</exception>
    public void Load(string folder, string? precision)
    {
        TextToImage model = TextToImage.Load(folder, options.Loading with { Precision = precision });
        _byPrecision.Add(model.Model.Precision, model);
    }

    /// <summary>What auto goes by, for every precision and batch of a cell that has it: measured here, and not in
    /// somebody's first picture.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task<IReadOnlyList<PassCostTable>> MeasureCostsAsync(IReadOnlyList<BenchCell> cells, CancellationToken cancellation)
    {
        var tables = new List<PassCostTable>();
        foreach ((string precision, int batch) in cells.Where(cell => cell.Window.IsAuto)
            .SelectMany(cell => new[] { (cell.Precision, 1), (cell.Precision, cell.Batch) }).Distinct())
            tables.Add(await _byPrecision[precision].MeasurePassCostsAsync(batch, cancellationToken: cancellation));
        return tables;
    }

    public async Task<IReadOnlyList<BenchSample>> DrawAsync(
        BenchCell cell, IReadOnlyList<BenchPicture> pictures, CancellationToken cancellation)
    {
        IEnumerable<GenerationRequest> requests = pictures.Select(picture => options.Request with
        {
            Prompt = options.Prompts[picture.Prompt],
            Seed = picture.Seed,
            Method = cell.Method,
            Window = cell.Window,
            Initialisation = cell.Initialisation,
            DenoisingSteps = cell.DenoisingSteps,
        });
        var samples = new BenchSample[pictures.Count];
        await foreach ((int index, GeneratedImage image) in _byPrecision[cell.Precision].GenerateManyAsync(
            requests, new GenerateManyOptions { Batch = cell.Batch }, cancellationToken: cancellation))
        {
            Settings ??= image.Settings;
            samples[index] = BenchSample.Of(pictures[index], image);
        }

        return samples;
    }

    public void Dispose()
    {
        foreach (TextToImage model in _byPrecision.Values)
            model.Dispose();
    }
}
