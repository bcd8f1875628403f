namespace SjdOnnx.Runtime.Tests;

public class LifetimeTests
{
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox", Seed = 3 };

    [ModelFact]
    public async Task Native_tensors_are_the_same_number_between_requests_and_none_after_disposal()
    {
        TextToImage model = Load();
        await model.GenerateAsync(Fox);
        int live = model.LiveTensors;
        Assert.NotEqual(0, live);

        await model.GenerateAsync(Fox);
        Assert.Equal(live, model.LiveTensors);

        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => model.GenerateAsync(Fox, progress: new StopAt(3, stop), cancellationToken: stop.Token));
        await Assert.ThrowsAsync<RequestException>(() => model.GenerateAsync(Fox with { Prompt = "" }));
        Assert.Equal(live, model.LiveTensors);

        await model.GenerateAsync(Fox, new GenerationOptions { Window = 40 });
        model.Dispose();
        Assert.Equal(0, model.LiveTensors);
    }

    [ModelFact]
    public async Task A_cancelled_request_ends_before_the_next_pass()
    {
        using TextToImage model = Load();
        using var stop = new CancellationTokenSource();
        var progress = new StopAt(3, stop);

        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => model.GenerateAsync(Fox, progress: progress, cancellationToken: stop.Token));

        Assert.Equal(stop.Token, error.CancellationToken);
        Assert.Equal(3, progress.LastPass);
        Assert.Equal(4, model.Passes); // with the prefill
    }

    [ModelFact]
    public async Task A_request_whose_token_is_cancelled_already_is_not_drawn()
    {
        using TextToImage model = Load();
        var cancelled = new CancellationToken(canceled: true);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => model.GenerateAsync(Fox, cancellationToken: cancelled));
        Assert.Equal(0, model.Passes);
    }

    [ModelFact]
    public async Task Disposal_ends_images_under_way_and_requests_that_wait()
    {
        TextToImage model = Load();
        var drawing = new TaskCompletionSource();
        Task<GeneratedImage> first = model.GenerateAsync(Fox, progress: new Callback<GenerationProgress>(_ => drawing.TrySetResult()));
        Task<GeneratedImage> second = model.GenerateAsync(Fox);
        await drawing.Task;

        await Task.Run(model.Dispose);

        await Assert.ThrowsAsync<ObjectDisposedException>(() => first);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => second);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => model.GenerateAsync(Fox));
        Assert.Equal(0, model.LiveTensors);
        model.Dispose();
        await model.DisposeAsync();
    }

    [ModelFact]
    public async Task Disposal_can_be_started_in_a_progress_handler()
    {
        TextToImage model = Load();
        Task? disposal = null;
        Task<GeneratedImage> image = model.GenerateAsync(
            Fox, progress: new Callback<GenerationProgress>(_ => disposal ??= model.DisposeAsync().AsTask()));

        await Assert.ThrowsAsync<ObjectDisposedException>(() => image.WaitAsync(TimeSpan.FromMinutes(1)));
        await disposal!.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(0, model.LiveTensors);
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
}
