using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using SjdOnnx.Runtime.Costs;
using SjdOnnx.Runtime.Engine;
using SjdOnnx.Runtime.Machine;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Runtime.Scheduling;

namespace SjdOnnx.Runtime;

/// <summary>
/// Generates images from text. Thread-safe: images of concurrent calls share forward passes, up to
/// <see cref="TextToImageOptions.MaxBatch"/>, and further requests are queued. An image does not depend on the others that are drawn.
/// </summary>
public sealed class TextToImage : IDisposable, IAsyncDisposable
{
    private readonly LoadedModel _model;
    private readonly PassCostTables _costs;
    private readonly RequestResolver _resolver;
    private readonly Scheduler _scheduler;
    private readonly int _maxBatch;
    private readonly Lock _lock = new();
    private Task? _disposal;

    private TextToImage(LoadedModel model, PassCostTables costs, RequestResolver resolver, TextToImageOptions options, TimeSpan load)
    {
        (_model, _costs, _resolver) = (model, costs, resolver);
        _maxBatch = Math.Min(options.MaxBatch ?? int.MaxValue, model.Transformer.MaxImages);
        _scheduler = new Scheduler(model, costs, _maxBatch, options.MaxQueueLength, load);
    }

    /// <summary>The version of this library, such as <c>0.1.0</c>.</summary>
    public static string Version { get; } = // builds append the commit, but two builds of one version draw the same bytes
        typeof(TextToImage).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>The version of ONNX Runtime's native library, such as <c>1.31.1</c>.</summary>
    public static string OnnxRuntimeVersion => OnnxRuntimeLibrary.Version;

    /// <summary>
    /// The name of this library's <see cref="System.Diagnostics.ActivitySource"/> and <see cref="System.Diagnostics.Metrics.Meter"/>, for
    /// OpenTelemetry's <c>AddSource</c> and <c>AddMeter</c>.
    /// </summary>
    public const string TelemetryName = Telemetry.Name;

    /// <summary>What the loaded model is and can do.</summary>
    public ModelDescription Model => _model.Description;

    /// <summary>Requests that wait for their turn.</summary>
    public int QueueLength => _scheduler.QueueLength;

    /// <summary>Images that are being drawn.</summary>
    public int ImagesUnderWay => _scheduler.Running;

    /// <summary>OrtValues that are not yet disposed: the same number between any two requests, and 0 after disposal.</summary>
    internal int LiveTensors => _model.Tensors.Live;

    /// <summary>Forward passes of the transformer so far, whatever images shared them.</summary>
    internal int Passes => _model.Transformer.Passes;

    /// <summary>
    /// Opens a model folder: reads model.json, checks the files and their hashes, opens the graphs and compares them with model.json.
    /// </summary>
    /// <param name="folder">Holds model.json.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="ModelException">The folder is not a whole model.</exception>
    /// <exception cref="ProviderException">The provider or a native library is not available here.</exception>
    public static TextToImage Load(string folder, TextToImageOptions? options = null) =>
        Load(folder, options, progress: null, CancellationToken.None);

    /// <summary>The same as <see cref="Load(string, TextToImageOptions?)"/>, on the thread pool.</summary>
    /// <param name="folder">The folder that holds model.json.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="progress">Called on the threads that load.</param>
    /// <param name="cancellationToken">
    /// Ends the comparison of hashes at once. ONNX Runtime cannot be interrupted while it opens a graph, so the call waits for that.
    /// </param>
    /// <exception cref="ModelException">The folder is not a whole model.</exception>
    /// <exception cref="ProviderException">The provider or a native library is not available here.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public static Task<TextToImage> LoadAsync(
        string folder, TextToImageOptions? options = null, IProgress<LoadProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return Task.Run(() => Load(folder, options, progress, cancellationToken), cancellationToken);
    }

    /// <summary>Draws an image.</summary>
    /// <param name="prompt">What the image shows, in words.</param>
    /// <param name="options">Null for the model's defaults.</param>
    /// <param name="cancellationToken">Ends the request at once while it waits, and within one forward pass while it is drawn.</param>
    /// <inheritdoc cref="GenerateAsync(GenerationRequest, GenerationOptions?, IProgress{GenerationProgress}?, CancellationToken)"/>
    public Task<GeneratedImage> GenerateAsync(
        string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        GenerateAsync(new GenerationRequest { Prompt = prompt }, options, progress: null, cancellationToken);

    /// <summary>Draws an image.</summary>
    /// <param name="request">What the image shows.</param>
    /// <param name="options">Null for the model's defaults.</param>
    /// <param name="progress">
    /// Called after each forward pass, on the drawing thread: a slow handler delays all images, and one that throws ends this image.
    /// </param>
    /// <param name="cancellationToken">Ends the request at once while it waits, and within one forward pass while it is drawn.</param>
    /// <exception cref="RequestException">The model cannot draw this.</exception>
    /// <exception cref="QueueFullException">Too many requests wait.</exception>
    /// <exception cref="InferenceException">A graph failed.</exception>
    /// <exception cref="ModelException">A graph that the request needs cannot be opened.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    /// <exception cref="ObjectDisposedException">This instance was disposed, before or meanwhile.</exception>
    public Task<GeneratedImage> GenerateAsync(
        GenerationRequest request, GenerationOptions? options = null, IProgress<GenerationProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return DrawAsync(request, options, progress is null ? null : Report, previews: false, cancellationToken);

        void Report(GenerationEvent happened) => progress.Report((GenerationProgress)happened); // without previews there is no other
    }

    /// <summary>
    /// Draws an image and returns what happens meanwhile: progress after each forward pass, previews if the options ask for them, and at
    /// last the image. A slow reader misses nothing and delays nobody. A reader that stops reading cancels the request.
    /// </summary>
    /// <param name="request">What the image shows.</param>
    /// <param name="options">Null for the model's defaults.</param>
    /// <param name="cancellationToken">Ends the request at once while it waits, and within one forward pass while it is drawn.</param>
    /// <inheritdoc cref="GenerateAsync(GenerationRequest, GenerationOptions?, IProgress{GenerationProgress}?, CancellationToken)"/>
    public IAsyncEnumerable<GenerationEvent> StreamAsync(
        GenerationRequest request, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        Stream(request ?? throw new ArgumentNullException(nameof(request)), options, cancellationToken);

    /// <summary>
    /// Draws many images, several in each forward pass, which takes less time than one after another. Each is the very image that
    /// <see cref="GenerateAsync(GenerationRequest, GenerationOptions?, IProgress{GenerationProgress}?, CancellationToken)"/> draws of its
    /// request.
    /// </summary>
    /// <param name="requests">
    /// Read as there is room for them, one at a time, and never after a request that cannot be drawn. Other calls take turns with this one.
    /// </param>
    /// <param name="options">How all of them are drawn; null for the model's defaults. Previews are not made.</param>
    /// <param name="many">How many are drawn at once; null for the defaults.</param>
    /// <param name="progress">Called after each forward pass of an image, on the drawing thread.</param>
    /// <param name="cancellationToken">Ends all images of this call.</param>
    /// <returns>
    /// The images in the order in which they are finished. While the reader is slow, at most twice as many as are drawn at once are drawn
    /// or wait to be read. A reader that leaves cancels the rest.
    /// </returns>
    /// <exception cref="ArgumentException">A request is null.</exception>
    /// <exception cref="RequestException">
    /// The model cannot draw one of the requests. The images of the requests before it have been returned.
    /// </exception>
    /// <exception cref="InferenceException">A graph failed.</exception>
    /// <exception cref="ModelException">A graph that the requests need cannot be opened.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    /// <exception cref="ObjectDisposedException">This instance was disposed, before or meanwhile.</exception>
    public IAsyncEnumerable<IndexedImage> GenerateManyAsync(
        IEnumerable<GenerationRequest> requests, GenerationOptions? options = null, GenerateManyOptions? many = null,
        IProgress<BatchProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(requests);
        int size = Math.Min(many?.MaxBatch ?? int.MaxValue, _maxBatch);
        return new Series(requests, size, Prepare, _scheduler, progress).DrawAsync(cancellationToken);

        ImageJob Prepare(GenerationRequest request, Action<GenerationEvent> events, CancellationToken cancellation) =>
            new(Resolve(request, options), Model.Name, events, previews: false, cancellation);
    }

    /// <summary>
    /// Returns what passes cost here, as <see cref="WindowSize.Auto"/> sees it. The table is measured when it is first needed, which takes
    /// about half a second, or some fifteen passes if passes are long. <see cref="ModelLoadOptions.CacheFolder"/> keeps it.
    /// </summary>
    /// <param name="images">
    /// Images in a pass, 1 or more: the table is that of the smallest of <see cref="ModelDescription.Batches"/> that holds them.
    /// </param>
    /// <param name="again">
    /// Whether to measure even if there is a table, and keep the new one: if the machine was busy before, for example.
    /// </param>
    /// <param name="cancellationToken">Ends the call at once while it waits, and within one forward pass while it measures.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number of images is below 1.</exception>
    /// <exception cref="QueueFullException">Too many requests wait.</exception>
    /// <exception cref="InferenceException">A graph failed.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    /// <exception cref="ObjectDisposedException">This instance was disposed, before or meanwhile.</exception>
    public async Task<PassCostTable> MeasurePassCostsAsync(
        int images = 1, bool again = false, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(images, 1);
        var job = new ExclusiveJob<PassCostTable>(stopped => _costs.Of(images, again, stopped), cancellationToken);
        using CancellationTokenRegistration registration = Enqueue(job);
        return await job.Result.ConfigureAwait(false);
    }

    /// <summary>
    /// Ends what is being drawn, after one node of the graph at most, and releases all native memory. In a progress handler it would wait
    /// for itself: call <see cref="DisposeAsync"/> there and do not await it.
    /// </summary>
    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <inheritdoc cref="Dispose"/>
    public ValueTask DisposeAsync()
    {
        lock (_lock)
            return new ValueTask(_disposal ??= DisposeOnceAsync());

        async Task DisposeOnceAsync()
        {
            await _scheduler.DisposeAsync().ConfigureAwait(false);
            _model.Dispose();
        }
    }

    private static TextToImage Load(
        string folder, TextToImageOptions? options, IProgress<LoadProgress>? progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(folder);
        options ??= new TextToImageOptions();
        long start = Stopwatch.GetTimestamp();
        Provider provider = Provider.Of(options.Provider, options.ProviderOptions);
        ModelFolder model = ModelFolder.Open(folder, options.Precision?.Name);
        int threads = options.PassThreads;
        var resolver = new RequestResolver(model.Manifest, Precision.Parse(model.Precision), provider, threads);
        ResolvedRequest defaults = resolver.CheckDefaults();
        string? cache = CacheFolder.Find(options.CacheFolder, Environment.GetEnvironmentVariable);
        var kept = new KeptPassCosts(model, provider, threads, cache);
        LoadedModel loaded = LoadedModel.Open(model, provider, threads, options, cache, progress, kept.Split, cancellation);
        return new TextToImage(loaded, new PassCostTables(loaded, defaults, kept), resolver, options, Stopwatch.GetElapsedTime(start));
    }

    private async IAsyncEnumerable<GenerationEvent> Stream(
        GenerationRequest request, GenerationOptions? options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stopped = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var events = Channel.CreateUnbounded<GenerationEvent>();
        Task drawing = DrawAsync();
        try
        {
            await foreach (GenerationEvent happened in events.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
                yield return happened;
            await drawing.ConfigureAwait(false);
        }
        finally
        {
            await stopped.CancelAsync().ConfigureAwait(false);
            await drawing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        async Task DrawAsync()
        {
            try
            {
                GeneratedImage image = await this.DrawAsync(request, options, Tell, previews: true, stopped.Token).ConfigureAwait(false);
                Tell(new GenerationCompleted(image));
            }
            catch (OperationCanceledException error) when (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(error.Message, error, cancellationToken);
            }
            finally
            {
                events.Writer.Complete();
            }
        }

        void Tell(GenerationEvent happened) => events.Writer.TryWrite(happened);
    }

    private async Task<GeneratedImage> DrawAsync(
        GenerationRequest request, GenerationOptions? options, Action<GenerationEvent>? events, bool previews,
        CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var job = new ImageJob(Resolve(request, options), Model.Name, events, previews, cancellationToken);
        using CancellationTokenRegistration registration = Enqueue(job);
        return await job.Result.ConfigureAwait(false);
    }

    private ResolvedRequest Resolve(GenerationRequest request, GenerationOptions? options)
    {
        ResolvedRequest resolved = _resolver.Resolve(request, options ?? new GenerationOptions());
        return resolved with { Prompt = _model.Prompts.Read(resolved.Settings, resolved.Layout) };
    }

    private CancellationTokenRegistration Enqueue(Job job)
    {
        _scheduler.Enqueue(caller: job, [job]);
        return job.Cancellation.UnsafeRegister(_ => _scheduler.Cancel(job), null);
    }
}
