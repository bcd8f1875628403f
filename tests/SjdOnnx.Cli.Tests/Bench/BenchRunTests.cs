using SjdOnnx.Cli.Bench;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Tests.Bench;

public class BenchRunTests
{
    private static readonly BenchPlan Plan = BenchPlan.Of(
        Measurements.Options with { Methods = ["sjd"], Repeats = 2, Prompts = ["a", "b", "c"] }, ["fp32"], "uniform");

    private readonly List<(int Window, int Picture)> _drawn = [];
    private readonly List<string> _progress = [];

    [Fact]
    public async Task Cells_take_turns_and_each_comes_first_in_turn()
    {
        var run = new BenchRun(Plan, warmup: 1, Draw);
        await run.MeasureAsync(new Told(_progress), default);

        Assert.Equal(
            [
                (0, 0), (4, 0), (16, 0), // warm-up
                (0, 0), (4, 0), (16, 0),
                (4, 1), (16, 1), (0, 1),
                (16, 2), (0, 2), (4, 2),
                (0, 3), (4, 3), (16, 3),
                (4, 4), (16, 4), (0, 4),
                (16, 5), (0, 5), (4, 5),
            ],
            _drawn);
        Assert.Equal([0, 4, 16], run.Measured.Select(summary => summary.Cell.Window.Drafts!.Value));
        Assert.All(run.Measured, summary => Assert.Equal([0ul, 1, 2, 3, 4, 5], summary.Samples.Select(sample => sample.Seed)));
        Assert.Equal(6, run.Turns);
        Assert.Equal("warm-up", _progress[0]);
        Assert.StartsWith("turn 1 of 6, ", _progress[3], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_warm_up_draws_one_batch()
    {
        BenchPlan plan = BenchPlan.Of(Measurements.Options with { Methods = ["ar"], Batches = [1, 2], Repeats = 2 }, ["fp32"], "uniform");
        var sizes = new List<(int Batch, int Pictures)>();
        var run = new BenchRun(plan, warmup: 2, (cell, pictures, _) =>
        {
            sizes.Add((cell.Batch, pictures.Count));
            return Task.FromResult<IReadOnlyList<BenchSample>>([]);
        });
        await run.MeasureAsync(new Told(_progress), default);

        Assert.Equal([(1, 1), (2, 2), (1, 1), (2, 2), (1, 2), (2, 2), (2, 2), (1, 2)], sizes);
    }

    [Fact]
    public async Task A_cell_that_the_model_cannot_draw_is_left_out_or_a_failure()
    {
        var leftOut = new List<int>();
        var run = new BenchRun(Plan, warmup: 0, Refuse, (cell, error) => leftOut.Add(cell.Window.Drafts!.Value));
        await run.MeasureAsync(new Told(_progress), default);

        Assert.Equal([16], leftOut);
        Assert.Equal([0, 4], run.Measured.Select(summary => summary.Cell.Window.Drafts!.Value));
        Assert.Equal(12, _drawn.Count);

        await Assert.ThrowsAsync<RequestException>(() => new BenchRun(Plan, warmup: 0, Refuse).MeasureAsync(new Told(_progress), default));

        Task<IReadOnlyList<BenchSample>> Refuse(BenchCell cell, IReadOnlyList<BenchPicture> pictures, CancellationToken cancellation) =>
            cell.Window == 16 ? throw new RequestException("Not at 16.") : Draw(cell, pictures, cancellation);
    }

    [Fact]
    public async Task What_was_finished_before_a_stop_stays()
    {
        using var stop = new CancellationTokenSource();
        var run = new BenchRun(Plan, warmup: 1, (cell, pictures, cancellation) =>
        {
            if (_drawn.Count == 7)
                stop.Cancel();
            return Draw(cell, pictures, cancellation);
        });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.MeasureAsync(new Told(_progress), stop.Token));

        Assert.Equal([1, 2, 2], run.Measured.Select(summary => summary.Samples.Count));
        Assert.Equal(1, run.Turns);
    }

    [Fact]
    public async Task What_was_stopped_in_the_warm_up_has_measured_nothing()
    {
        var run = new BenchRun(Plan, warmup: 1, Draw);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.MeasureAsync(new Told(_progress), new CancellationToken(canceled: true)));

        Assert.Empty(run.Measured);
        Assert.Equal(0, run.Turns);
    }

    private Task<IReadOnlyList<BenchSample>> Draw(BenchCell cell, IReadOnlyList<BenchPicture> pictures, CancellationToken cancellation)
    {
        BenchPicture picture = Assert.Single(pictures);
        _drawn.Add((cell.Window.Drafts!.Value, (int)picture.Seed));
        return Task.FromResult<IReadOnlyList<BenchSample>>([new BenchSample(picture.Prompt, picture.Repeat, picture.Seed, 256, 100, 4, 0, 1, 0, 1)]);
    }

    private sealed class Told(List<string> texts) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value) => texts.Add(value.Text());
    }
}
