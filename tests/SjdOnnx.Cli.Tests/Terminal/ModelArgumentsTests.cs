using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Tests.Terminal;

public class ModelArgumentsTests
{
    [ModelFact]
    public async Task Loading_reports_its_progress()
    {
        var display = new RecordedDisplay();

        await using (TextToImage model = await ModelArguments.LoadAsync(
            TestModel.Folder!, new TextToImageOptions { HashVerification = HashVerification.Always }, display, default))
            Assert.NotEmpty(model.Model.Name);

        Assert.Equal([$"loading {Path.GetFileName(TestModel.Folder)}"], display.Titles);
        Assert.Equal(1, display.Shares[^1]);
        Assert.True(display.Shares.Count > 1);
    }

    [ModelFact]
    public async Task Loading_can_be_stopped() =>
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ModelArguments.LoadAsync(
            TestModel.Folder!, new TextToImageOptions(), new RecordedDisplay(), new CancellationToken(canceled: true)));

    [ModelFact]
    public async Task More_threads_than_processors_are_lowered_with_a_note()
    {
        using var sjd = new Sjd();

        Finished run = await sjd.GenerateAsync("a fox", "--threads", "20000", "--window", "8", "-o", "fox.png");

        Assert.Equal((ExitCode.Done, "fox.png\n"), (run.ExitCode, run.Output));
        Assert.StartsWith($"--threads is 20000; this machine has {Environment.ProcessorCount} logical processors", run.Error,
            StringComparison.Ordinal);
    }

    private sealed class RecordedDisplay : IProgressDisplay, IProgress<WorkProgress>
    {
        public List<string> Titles { get; } = [];

        public List<double> Shares { get; } = [];

        public Task<T> WaitAsync<T>(string title, Func<Task<T>> work) => work();

        public Task<T> WorkAsync<T>(string title, Func<IProgress<WorkProgress>, Task<T>> work)
        {
            Titles.Add(title);
            return work(this);
        }

        public void Report(WorkProgress value) => Shares.Add(value.Share);
    }
}
