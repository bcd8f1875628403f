namespace SjdOnnx.Runtime.Tests;

public class LifetimeTests
{
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox", Seed = 3 };

    [ModelFact]
    public async Task Native_values_stay_the_same_between_requests_and_are_gone_after()
    {
        TextToImage model = Load();
        await model.GenerateAsync(Fox);
        int live = model.LiveTensors;
        Assert.NotEqual(0, live);

        await model.GenerateAsync(Fox);
        Assert.Equal(live, model.LiveTensors);

        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => model.GenerateAsync(Fox, new StopAt(3, stop), stop.Token));
        await Assert.ThrowsAsync<RequestException>(() => model.GenerateAsync(Fox with { Prompt = "" }));
        Assert.Equal(live, model.LiveTensors);

        await model.GenerateAsync(Fox with { Window = 40 });
        model.Dispose();
        Assert.Equal(0, model.LiveTensors);
    }

    [ModelFact]
    public async Task A_cancelled_request_ends_before_the_next_pass()
    {
        using TextToImage model = Load();
        using var stop = new CancellationTokenSource();
        var progress = new StopAt(3, stop);

        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => model.GenerateAsync(Fox, progress, stop.Token));

        Assert.Equal(stop.Token, error.CancellationToken);
        Assert.Equal(3, progress.LastPass);
    }

    [ModelFact]
    public async Task A_request_in_line_is_cancelled_at_once()
    {
        using TextToImage model = Load();
        using var stop = new CancellationTokenSource();
        Task<GeneratedImage> first = model.GenerateAsync(Fox);
        Task<GeneratedImage> second = model.GenerateAsync(Fox, cancellationToken: stop.Token);

        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        Assert.NotNull(await first);
    }

    [ModelFact]
    public async Task Disposal_ends_what_is_drawn_and_what_waits()
    {
        TextToImage model = Load();
        var drawing = new TaskCompletionSource();
        Task<GeneratedImage> first = model.GenerateAsync(Fox, new Signal(drawing));
        Task<GeneratedImage> second = model.GenerateAsync(Fox);
        await drawing.Task;

        await Task.Run(model.Dispose);

        await Assert.ThrowsAsync<ObjectDisposedException>(() => first);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => second);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => model.GenerateAsync(Fox));
        Assert.Equal(0, model.LiveTensors);
        model.Dispose();
    }

    private static TextToImage Load() => TextToImage.Load(TestModel.Folder!, new TextToImageOptions { Threads = 1 });

    private sealed class StopAt(int pass, CancellationTokenSource stop) : IProgress<GenerationProgress>
    {
        public int LastPass { get; private set; }

        public void Report(GenerationProgress value)
        {
            LastPass = value.ForwardPasses;
            if (LastPass == pass)
                stop.Cancel();
        }
    }

    private sealed class Signal(TaskCompletionSource happened) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value) => happened.TrySetResult();
    }
}
