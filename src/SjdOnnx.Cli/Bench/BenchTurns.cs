using System.Diagnostics;
using System.Globalization;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Bench;

/// <summary>Draws images in one way.</summary>
internal delegate Task<IReadOnlyList<BenchSample>> DrawImages(
    BenchCell cell, IReadOnlyList<BenchImage> images, CancellationToken cancellation);

/// <summary>Measures the cells of a plan: a warm-up, and then turn by turn every cell.</summary>
/// <param name="warmup">Batches that each cell draws before those that count.</param>
/// <param name="noteLeftOut">Called for each cell that the model cannot draw. The cell is left out.</param>
/// <param name="needsAll">Whether it is a failure if all cells of a method are left out. It always is for the baseline.</param>
internal sealed class BenchTurns(
    BenchPlan plan, int warmup, DrawImages draw, Action<BenchCell, RequestException> noteLeftOut, bool needsAll)
{
    private readonly HashSet<int> _leftOut = [];
    private readonly List<BenchSample>[] _samples = [.. plan.Cells.Select(_ => new List<BenchSample>())];
    private readonly Stopwatch _elapsed = new();

    /// <summary>What has been measured so far.</summary>
    public IReadOnlyList<CellSummary> Measured =>
        [.. plan.Cells.Zip(_samples, (cell, samples) => (cell, samples)).Where(each => each.samples.Count > 0)
            .Select(each => new CellSummary(each.cell, [.. each.samples]))];

    /// <summary>Turns that every cell has had.</summary>
    public int Turns { get; private set; }

    /// <returns><see cref="Measured"/>, of all cells.</returns>
    /// <exception cref="OperationCanceledException">Cancelled; <see cref="Measured"/> holds what was finished.</exception>
    /// <exception cref="RequestException">The model cannot draw with a method that was asked for.</exception>
    public async Task<IReadOnlyList<CellSummary>> MeasureAsync(IProgress<WorkProgress> progress, CancellationToken cancellation)
    {
        _elapsed.Start();
        int total = plan.Cells.Count * (warmup + plan.Turns.Count);
        int done = 0;
        for (int turn = -warmup; turn < plan.Turns.Count; turn++)
        {
            for (int i = 0; i < plan.Cells.Count; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                Report(progress, turn, done++, total);
                // No cell always follows the same one, whose data is still in the processor's caches.
                int cell = (i + Math.Max(0, turn)) % plan.Cells.Count;
                if (_leftOut.Contains(cell))
                    continue;
                if (turn < 0)
                    await DrawAsync(cell, [.. plan.Turns[0].Take(plan.Cells[cell].Batch)], cancellation);
                else
                    _samples[cell].AddRange(await DrawAsync(cell, plan.Turns[turn], cancellation));
            }

            Turns = Math.Max(0, turn + 1);
        }

        return Measured;
    }

    private async Task<IReadOnlyList<BenchSample>> DrawAsync(int cell, IReadOnlyList<BenchImage> images, CancellationToken cancellation)
    {
        try
        {
            return await draw(plan.Cells[cell], images, cancellation);
        }
        catch (RequestException error) when (!plan.Cells[cell].IsBaseline)
        {
            _leftOut.Add(cell);
            if (needsAll && IsLeftOut(plan.Cells[cell].Descriptor.Name))
                throw;
            noteLeftOut(plan.Cells[cell], error);
            return [];
        }
    }

    private bool IsLeftOut(string method) =>
        Enumerable.Range(0, plan.Cells.Count).Where(cell => plan.Cells[cell].Descriptor.Name == method).All(_leftOut.Contains);

    private void Report(IProgress<WorkProgress> progress, int turn, int done, int total)
    {
        TimeSpan? left = done == 0 ? null : _elapsed.Elapsed * ((double)(total - done) / done);
        progress.Report(new WorkProgress((double)done / total, () => Text(turn, left)));
    }

    private string Text(int turn, TimeSpan? left)
    {
        string where = turn < 0 ? "warm-up" : string.Create(CultureInfo.InvariantCulture, $"turn {turn + 1} of {plan.Turns.Count}");
        return left is TimeSpan time ? $"{where}, {WorkProgress.Duration(time)} left" : where;
    }
}

/// <summary>The model at every precision that takes part. All of them are in memory, so that they can take turns.</summary>
internal sealed class BenchModels(BenchOptions options) : IAsyncDisposable
{
    private readonly Dictionary<Precision, TextToImage> _byPrecision = [];

    /// <summary>The model that was loaded first.</summary>
    public ModelDescription Description => _byPrecision.Values.First().Model;

    /// <summary>How the first image was drawn; null before it.</summary>
    public GenerationSettings? Settings { get; private set; }

    /// <exception cref="ModelException">The folder is not a whole model.</exception>
    public async Task LoadAsync(string folder, Precision precision, int batch, IProgressDisplay display, CancellationToken cancellation) =>
        _byPrecision.Add(precision, await ModelArguments.LoadAsync(
            folder, options.Loading with { Precision = precision, ExpectedBatch = batch }, display, cancellation));

    /// <summary>Measures what passes cost for every precision and batch that has a window of auto, so that no image pays for it.</summary>
    public async Task<IReadOnlyList<PassCostTable>> MeasureCostsAsync(IReadOnlyList<BenchCell> cells, CancellationToken cancellation)
    {
        var tables = new List<PassCostTable>();
        foreach ((Precision precision, int batch) in cells.Where(cell => cell.Window.IsAuto)
            .SelectMany(cell => new[] { (cell.Precision, 1), (cell.Precision, cell.Batch) }).Distinct())
            tables.Add(await _byPrecision[precision].MeasurePassCostsAsync(batch, cancellationToken: cancellation));
        return tables;
    }

    public async Task<IReadOnlyList<BenchSample>> DrawAsync(
        BenchCell cell, IReadOnlyList<BenchImage> images, CancellationToken cancellation)
    {
        IEnumerable<GenerationRequest> requests = images.Select(image => new GenerationRequest
        {
            Prompt = options.Prompts[image.Prompt],
            NegativePrompt = options.NegativePrompt,
            Seed = image.Seed,
        });
        GenerationOptions drawing =
            options.Drawing with { Method = cell.Method, Window = cell.Window, Initialization = cell.Initialization };
        var samples = new BenchSample[images.Count];
        await foreach ((int index, GeneratedImage image) in _byPrecision[cell.Precision].GenerateManyAsync(
            requests, drawing, new GenerateManyOptions { MaxBatch = cell.Batch }, cancellationToken: cancellation))
        {
            Settings ??= image.Settings;
            samples[index] = BenchSample.Of(images[index], image);
        }

        return samples;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (TextToImage model in _byPrecision.Values)
            await model.DisposeAsync();
    }
}
