using System.Diagnostics;
using System.Globalization;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Bench;

/// <summary>Draws pictures in one way.</summary>
internal delegate Task<IReadOnlyList<BenchSample>> DrawPictures(
    BenchCell cell, IReadOnlyList<BenchPicture> pictures, CancellationToken cancellation);

/// <summary>Carries a plan out: warm-up, then turn by turn every cell.</summary>
/// <param name="warmup">Batches that each cell draws before those that count.</param>
/// <param name="leaveOut">Told of a cell that the model cannot draw, which is left out then; null makes it a failure.</param>
internal sealed class BenchRun(BenchPlan plan, int warmup, DrawPictures draw, Action<BenchCell, RequestException>? leaveOut = null)
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
                // Nobody always comes after the same one, whose rows are still in the processor's caches.
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

    private async Task<IReadOnlyList<BenchSample>> DrawAsync(int cell, IReadOnlyList<BenchPicture> pictures, CancellationToken cancellation)
    {
        try
        {
            return await draw(plan.Cells[cell], pictures, cancellation);
        }
        catch (RequestException error) when (leaveOut is not null && !plan.Cells[cell].IsBaseline)
        {
            leaveOut(plan.Cells[cell], error);
            _leftOut.Add(cell);
            return [];
        }
    }

    private void Report(IProgress<WorkProgress> progress, int turn, int done, int total)
    {
        TimeSpan? left = done == 0 ? null : _elapsed.Elapsed * ((double)(total - done) / done);
        progress.Report(new WorkProgress(done, total, () => Text(turn, left)));
    }

    private string Text(int turn, TimeSpan? left)
    {
        string where = turn < 0 ? "warm-up" : string.Create(CultureInfo.InvariantCulture, $"turn {turn + 1} of {plan.Turns.Count}");
        return left is TimeSpan time ? $"{where}, {ProgressText.Duration(time)} left" : where;
    }
}
