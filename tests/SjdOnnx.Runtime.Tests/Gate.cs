namespace SjdOnnx.Runtime.Tests;

/// <summary>
/// A progress handler that holds up the drawing thread at the first report until the gate is opened. Meanwhile a test can arrange what
/// waits.
/// </summary>
internal sealed class Gate : IProgress<GenerationProgress>, IDisposable
{
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ManualResetEventSlim _open = new();

    /// <summary>Ends when the drawing thread stands at the gate.</summary>
    public Task Reached => _reached.Task;

    public void Open() => _open.Set();

    public void Report(GenerationProgress value)
    {
        _reached.TrySetResult();
        Assert.True(_open.Wait(TimeSpan.FromMinutes(1)), "Nobody opened the gate.");
    }

    public void Dispose()
    {
        _open.Set();
        _open.Dispose();
    }
}
