using SjdOnnx.Cli.Bench;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Tests.Bench;

public class BenchTurnsTests
{
    private static readonly BenchPlan Plan = BenchPlan.Of(
        SampleResults.Options with { Methods = [SpeculativeJacobi.Descriptor], Repeats = 2, Prompts = ["a", "b", "c"] },
        [Precision.Fp32], Initialization.Uniform);

    private readonly List<(int Window, int Image)> _drawn = [];
    private readonly List<string> _progress = [];
    private readonly List<int> _leftOut = [];

    [Fact]
    public async Task Cells_take_turns_and_each_comes_first_in_turn()
    {
        BenchTurns turns = Turns(Plan, warmup: 1, Draw);
        await turns.MeasureAsync(Progress, default);

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
        Assert.Equal([0, 4, 16], turns.Measured.Select(summary => summary.Cell.Window.Drafts!.Value));
        Assert.All(turns.Measured, summary => Assert.Equal([0ul, 1, 2, 3, 4, 5], summary.Samples.Select(sample => sample.Seed)));
        Assert.Equal(6, turns.Turns);
        Assert.Equal("warm-up", _progress[0]);
        Assert.StartsWith("turn 1 of 6, ", _progress[3], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_warm_up_draws_one_batch()
    {
        BenchPlan plan = BenchPlan.Of(
            SampleResults.Options with { Methods = [Autoregressive.Descriptor], Batches = [1, 2], Repeats = 2 },
            [Precision.Fp32], Initialization.Uniform);
        var sizes = new List<(int Batch, int Images)>();
        BenchTurns turns = Turns(plan, warmup: 2, (cell, images, _) =>
        {
            sizes.Add((cell.Batch, images.Count));
            return Task.FromResult<IReadOnlyList<BenchSample>>([]);
        });
        await turns.MeasureAsync(Progress, default);

        Assert.Equal([(1, 1), (2, 2), (1, 1), (2, 2), (1, 2), (2, 2), (2, 2), (1, 2)], sizes);
    }

    [Fact]
    public async Task A_cell_that_the_model_cannot_draw_is_left_out()
    {
        BenchTurns turns = Turns(Plan, warmup: 0, RefuseFrom(16));
        await turns.MeasureAsync(Progress, default);

        Assert.Equal([16], _leftOut);
        Assert.Equal([0, 4], turns.Measured.Select(summary => summary.Cell.Window.Drafts!.Value));
        Assert.Equal(12, _drawn.Count);
    }

    [Theory]
    [InlineData(4, true)]
    [InlineData(0, false)]
    public async Task It_is_a_failure_if_a_wanted_method_or_the_baseline_cannot_be_drawn_at_all(int from, bool needsAll)
    {
        BenchTurns turns = Turns(Plan, warmup: 0, RefuseFrom(from), needsAll);

        var error = await Assert.ThrowsAsync<RequestException>(() => turns.MeasureAsync(Progress, default));

        Assert.Equal($"Not at {(from == 0 ? 0 : 16)}.", error.Message);
    }

    [Fact]
    public async Task A_method_that_nobody_named_may_be_left_out_at_all_windows()
    {
        BenchTurns turns = Turns(Plan, warmup: 0, RefuseFrom(4));
        await turns.MeasureAsync(Progress, default);

        Assert.Equal([4, 16], _leftOut);
        Assert.Equal("ar", Assert.Single(turns.Measured).Cell.Name);
    }

    [Fact]
    public async Task Samples_from_before_a_stop_are_kept()
    {
        using var stop = new CancellationTokenSource();
        BenchTurns turns = Turns(Plan, warmup: 1, (cell, images, cancellation) =>
        {
            if (_drawn.Count == 7)
                stop.Cancel();
            return Draw(cell, images, cancellation);
        });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => turns.MeasureAsync(Progress, stop.Token));

        Assert.Equal([1, 2, 2], turns.Measured.Select(summary => summary.Samples.Count));
        Assert.Equal(1, turns.Turns);
    }

    [Fact]
    public async Task A_stop_in_the_warm_up_leaves_no_samples()
    {
        BenchTurns turns = Turns(Plan, warmup: 1, Draw);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => turns.MeasureAsync(Progress, new CancellationToken(canceled: true)));

        Assert.Empty(turns.Measured);
        Assert.Equal(0, turns.Turns);
    }

    private DirectProgress<WorkProgress> Progress => new(value => _progress.Add(value.Text()));

    private BenchTurns Turns(BenchPlan plan, int warmup, DrawImages draw, bool needsAll = false) =>
        new(plan, warmup, draw, (cell, _) => _leftOut.Add(cell.Window.Drafts!.Value), needsAll);

    private DrawImages RefuseFrom(int window) => (cell, images, cancellation) =>
        cell.Window.Drafts >= window ? throw new RequestException($"Not at {cell.Window}.") : Draw(cell, images, cancellation);

    private Task<IReadOnlyList<BenchSample>> Draw(BenchCell cell, IReadOnlyList<BenchImage> images, CancellationToken cancellation)
    {
        BenchImage image = Assert.Single(images);
        _drawn.Add((cell.Window.Drafts!.Value, (int)image.Seed));
        var sample = new BenchSample(image.Prompt, image.Repeat, image.Seed, 256, 100, 4, 0, 1, 0, 1);
        return Task.FromResult<IReadOnlyList<BenchSample>>([sample]);
    }
}
