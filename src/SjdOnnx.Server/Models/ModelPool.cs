using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using SjdOnnx.Runtime;

namespace SjdOnnx.Server.Models;

/// <summary>
/// The models of a server. A model is loaded when it is asked for. If there is no room, the model that was unused for longest is unloaded;
/// if all are in use, new requests for one of them wait until it was free and unloaded, so that no model keeps another one out.
/// </summary>
internal sealed partial class ModelPool : IAsyncDisposable
{
    private readonly long _budget;
    private readonly ILogger<ModelPool> _logger;
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _changing = new(1, 1); // one at a time makes room and loads
    private readonly CancellationTokenSource _disposing = new();
    private TaskCompletionSource _returned = New();
    private long _uses;

    public ModelPool(IOptions<SjdOnnxServerOptions> options, ILogger<ModelPool> logger)
    {
        SjdOnnxServerOptions server = options.Value;
        (_budget, _logger) = (server.MemoryBudget, logger);
        All = [.. server.Models.Select(static model => PooledModel.Read(model.Key, model.Value))];
        Default = Find(server.DefaultName)!;
    }

    /// <summary>Every model, loaded or not.</summary>
    public IReadOnlyList<PooledModel> All { get; }

    public PooledModel Default { get; }

    /// <summary>Models that are loaded.</summary>
    public int LoadedCount
    {
        get
        {
            lock (_lock)
                return All.Count(static model => model.Loaded is not null);
        }
    }

    /// <summary>Finds a model by its name.</summary>
    public PooledModel? Find(string name) => All.FirstOrDefault(model => model.Name == name);

    /// <summary>Returns the model when it is loaded, and keeps it so until the lease is disposed.</summary>
    /// <exception cref="ModelException">The model cannot be loaded.</exception>
    /// <exception cref="ProviderException">The provider or a native library is not available here.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested. Loading goes on, since others may wait for it.</exception>
    public async Task<ModelLease> LeaseAsync(PooledModel model, CancellationToken cancellation)
    {
        while (true)
        {
            Task opening;
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_disposing.IsCancellationRequested, this);
                if (model is { Loaded: { } loaded, IsDraining: false })
                {
                    model.Leases++;
                    model.LastUse = ++_uses;
                    return new ModelLease(loaded, () => GiveBack(model));
                }

                opening = model.Opening ??= Task.Run(() => OpenAsync(model), CancellationToken.None);
            }

            await opening.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Task[] openings;
        lock (_lock)
        {
            _disposing.Cancel();
            openings = [.. All.Select(static model => model.Opening).OfType<Task>()];
        }

        await Task.WhenAll(openings).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (PooledModel model in All)
            await UnloadAsync(model).ConfigureAwait(false);
        _disposing.Dispose();
        _changing.Dispose();
    }

    private async Task OpenAsync(PooledModel model)
    {
        try
        {
            await _changing.WaitAsync(_disposing.Token).ConfigureAwait(false);
            try
            {
                TextToImage? loaded = model.Loaded;
                if (loaded is null)
                {
                    await MakeRoomAsync(model).ConfigureAwait(false);
                    loaded = await LoadAsync(model).ConfigureAwait(false);
                }

                lock (_lock)
                    (model.Loaded, model.IsDraining, model.LastUse) = (loaded, false, ++_uses);
            }
            finally
            {
                _changing.Release();
            }
        }
        finally
        {
            lock (_lock)
                model.Opening = null;
        }
    }

    private async Task MakeRoomAsync(PooledModel wanted)
    {
        while (true)
        {
            PooledModel victim;
            bool idle;
            Task returned;
            lock (_lock)
            {
                PooledModel[] loaded = [.. All.Where(static model => model.Loaded is not null)];
                if (loaded.Sum(static model => model.Bytes) + wanted.Bytes <= _budget)
                    return;
                victim = loaded.OrderBy(static model => model.Leases > 0).ThenBy(static model => model.LastUse).First();
                idle = victim.Leases == 0;
                victim.IsDraining = true;
                returned = _returned.Task;
            }

            if (idle)
            {
                LogUnloading(victim.Name, wanted.Name);
                await UnloadAsync(victim).ConfigureAwait(false);
            }
            else
            {
                await returned.WaitAsync(_disposing.Token).ConfigureAwait(false);
            }
        }
    }

    private async Task<TextToImage> LoadAsync(PooledModel model)
    {
        long start = Stopwatch.GetTimestamp();
        LogLoading(model.Name, model.Options.Provider);
        TextToImage loaded =
            await TextToImage.LoadAsync(model.Folder, model.Options, progress: null, _disposing.Token).ConfigureAwait(false);
        try
        {
            await WarmUpAsync(loaded, model.MaxBatch).ConfigureAwait(false);
        }
        catch
        {
            await loaded.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        LogLoaded(model.Name, loaded.Model.Precision, Stopwatch.GetElapsedTime(start).TotalSeconds);
        return loaded;
    }

    /// <summary>
    /// Runs one forward pass, which compiles code and reads every weight, and measures what passes cost if windows depend on that: no
    /// client waits for it, and nothing else disturbs the measurement.
    /// </summary>
    private async Task WarmUpAsync(TextToImage model, int maxBatch)
    {
        if (model.Model.DefaultWindow.IsAuto)
        {
            foreach (int images in new HashSet<int> { 1, maxBatch })
                await model.MeasurePassCostsAsync(images, cancellationToken: _disposing.Token).ConfigureAwait(false);
        }

        var request = new GenerationRequest { Prompt = model.Model.MaxPromptTokens is null ? "0" : "a" };
        try
        {
            await foreach (GenerationEvent _ in model.StreamAsync(request, cancellationToken: _disposing.Token).ConfigureAwait(false))
                break;
        }
        catch (RequestException)
        {
            // This model reads other prompts. Its first image warms it up.
        }
    }

    private async Task UnloadAsync(PooledModel model)
    {
        TextToImage? loaded;
        lock (_lock)
        {
            loaded = model.Loaded;
            (model.Loaded, model.IsDraining) = (null, false);
        }

        if (loaded is not null)
            await loaded.DisposeAsync().ConfigureAwait(false);
    }

    private void GiveBack(PooledModel model)
    {
        TaskCompletionSource returned;
        lock (_lock)
        {
            model.Leases--;
            (returned, _returned) = (_returned, New());
        }

        returned.SetResult();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [LoggerMessage(LogLevel.Information, "Loading {Model} on {Provider}.")]
    private partial void LogLoading(string model, ExecutionProvider provider);

    [LoggerMessage(LogLevel.Information, "Loaded {Model} at {Precision} in {Seconds:F1} s.")]
    private partial void LogLoaded(string model, Precision precision, double seconds);

    [LoggerMessage(LogLevel.Information, "Unloading {Model} to make room for {Other}.")]
    private partial void LogUnloading(string model, string other);
}
