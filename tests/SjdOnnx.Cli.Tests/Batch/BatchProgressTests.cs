using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;
using BatchProgress = SjdOnnx.Cli.Batch.BatchProgress;

namespace SjdOnnx.Cli.Tests.Batch;

public sealed class BatchProgressTests
{
    [Fact]
    public void Images_of_all_models_are_counted_whichever_is_drawing()
    {
        var shown = new List<WorkProgress>();
        var progress = new BatchProgress(total: 6, finished: 2, tokens: 400);
        foreach (int _ in (int[])[0, 1]) // two models, each with a display of its own
        {
            progress.Display = new DirectProgress<WorkProgress>(shown.Add);
            progress.OfImage().Report(new GenerationProgress(100, 100, 10, TimeSpan.Zero));
            progress.Finish();
        }

        Assert.Equal(2, progress.Drawn);
        Assert.Equal([0.5, 0.5, 2 / 3.0, 2 / 3.0], shown.Select(static each => each.Share), static (a, b) => Math.Abs(a - b) < 1e-9);
        Assert.StartsWith("4/6 images, ", progress.Text(), StringComparison.Ordinal);
        Assert.EndsWith(" left", progress.Text(), StringComparison.Ordinal);
    }

    [Fact]
    public void Before_the_first_token_no_speed_is_made_up() =>
        Assert.Equal("2/6 images", new BatchProgress(total: 6, finished: 2, tokens: 400).Text());
}
