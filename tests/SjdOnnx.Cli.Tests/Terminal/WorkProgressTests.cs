using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Tests.Terminal;

public class WorkProgressTests
{
    [Theory]
    [InlineData(0, 0, 1, "0/256 tokens")]
    [InlineData(1, 0, 1, "1/256 tokens")]
    [InlineData(64, 16, 1, "64/256 tokens, 4.0 per pass, 3.0 s left")]
    [InlineData(64, 16, 100, "64/256 tokens, 4.0 per pass, 0:05:00 left")]
    [InlineData(64, 16, 100_000, "64/256 tokens, 4.0 per pass, 83:20:00 left")]
    [InlineData(256, 64, 10, "256/256 tokens, 4.0 per pass, 0.0 s left")]
    public void Progress_of_an_image_has_tokens_tokens_per_pass_and_the_time_left(int tokens, int passes, double seconds, string text)
    {
        WorkProgress progress = WorkProgress.Of(new GenerationProgress(tokens, 256, passes, TimeSpan.FromSeconds(seconds)));

        Assert.Equal((tokens / 256.0, text), (progress.Share, progress.Text()));
    }

    [Theory]
    [InlineData(0, 0, 1, "0/3 images, 0/768 tokens")]
    [InlineData(1, 384, 40, "1/3 images, 384/768 tokens, 9.6 per pass, 10.0 s left")]
    public void Progress_of_several_images_counts_them(int finished, int tokens, int passes, string text)
    {
        WorkProgress progress = WorkProgress.Of(new BatchProgress(finished, 2, tokens, 256, passes, TimeSpan.FromSeconds(10)), 3);

        Assert.Equal((tokens / 768.0, text), (progress.Share, progress.Text()));
    }

    [Theory]
    [InlineData(0, 0, 0, 0.5, "0 of 2 graphs opened")]
    [InlineData(0, 0, 1, 0.75, "1 of 2 graphs opened")]
    [InlineData(3_000_000_000, 12_000_000_000, 0, 0.125, "3000 of 12000 MB verified, 0 of 2 graphs opened")]
    [InlineData(12_000_000_000, 12_000_000_000, 2, 1, "12000 of 12000 MB verified, 2 of 2 graphs opened")]
    public void Progress_of_loading_has_verified_bytes_and_open_graphs(long verified, long toVerify, int graphs, double share, string text)
    {
        WorkProgress progress = WorkProgress.Of(new LoadProgress(verified, toVerify, graphs, 2));

        Assert.Equal((share, text), (progress.Share, progress.Text()));
    }
}
