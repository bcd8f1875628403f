using System.Diagnostics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using SjdOnnx.Runtime;

namespace SjdOnnx.Extensions.Hosting;

/// <summary>Loads the model when the host starts, logs its images, and disposes it with the host's services.</summary>
internal sealed partial class ModelHost : IHostedService, IAsyncDisposable, IDisposable
{
    private readonly IOptions<SjdOnnxOptions> _options;
    private readonly ILogger<TextToImage> _logger;
    private readonly ImageLog _images;
    private readonly Lock _lock = new();
    private Task<TextToImage>? _loading;

    public ModelHost(IOptions<SjdOnnxOptions> options, ILogger<TextToImage> logger)
    {
        (_options, _logger) = (options, logger);
        _images = new ImageLog(logger);
    }

    /// <summary>The model; loads it if the host has not started.</summary>
    public TextToImage Model => LoadAsync(CancellationToken.None).GetAwaiter().GetResult();

    /// <summary>The model if it is loaded, and the reason if it could not be.</summary>
    public (TextToImage? Model, Exception? Error) State => _loading switch
    {
        { IsCompletedSuccessfully: true } loaded => (loaded.Result, null),
        { IsFaulted: true } failed => (null, failed.Exception.InnerException),
        _ => (null, null),
    };

    public Task StartAsync(CancellationToken cancellationToken) => LoadAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        _images.Dispose();
        if (_loading is { } loading)
            await ((Task)loading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (State.Model is { } model)
            await model.DisposeAsync().ConfigureAwait(false);
    }

    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    private Task<TextToImage> LoadAsync(CancellationToken cancellation)
    {
        lock (_lock)
            return _loading ??= LoadOnceAsync();

        async Task<TextToImage> LoadOnceAsync()
        {
            SjdOnnxOptions options = _options.Value;
            long start = Stopwatch.GetTimestamp();
            LogLoading(options.Model, options.Provider);
            TextToImage model = await TextToImage.LoadAsync(options.Model, options.ToRuntime(), progress: null, cancellation)
                .ConfigureAwait(false);
            LogLoaded(model.Model.Name, model.Model.Precision, Stopwatch.GetElapsedTime(start).TotalSeconds);
            return model;
        }
    }

    [LoggerMessage(LogLevel.Information, "Loading {Folder} on {Provider}.")]
    private partial void LogLoading(string folder, string provider);

    [LoggerMessage(LogLevel.Information, "Loaded {Model} at {Precision} in {Seconds:F1} s.")]
    private partial void LogLoaded(string model, Precision precision, double seconds);
}
