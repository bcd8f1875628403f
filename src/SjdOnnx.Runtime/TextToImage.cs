using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using SjdOnnx.Runtime.Decoding;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Native;

namespace SjdOnnx.Runtime;

/// <summary>
/// Draws pictures of what it is told. Safe to call from any thread: an instance serves one call at a time, and calls that come meanwhile
/// wait in line without blocking a thread. <see cref="GenerateManyAsync"/> draws several pictures at once.
/// </summary>
public sealed class TextToImage : IDisposable
{
    private readonly LoadedModel _model;
    private readonly PassCostTables _costs;
    private readonly RequestResolver _resolver;
    private readonly TimeSpan _load;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly CancellationTokenSource _disposing = new();
    private int _disposed;

    private TextToImage(LoadedModel model, PassCostTables costs, RequestResolver resolver, TimeSpan load)
    {
        (_model, _costs, _resolver, _load) = (model, costs, resolver, load);
    }

    /// <summary>
    /// The names that <see cref="TextToImageOptions.Provider"/> can have; whether one is available here shows when a model is loaded.
    /// </summary>
    public static IReadOnlyList<string> Providers => Provider.Names;

    /// <summary>Of the native library, such as "1.31.1".</summary>
    public static string OnnxRuntimeVersion => OnnxRuntimeLibrary.Version;

    public ModelDescription Model => _model.Description;

    /// <summary>OrtValues not yet disposed: the same between any two requests, and 0 after <see cref="Dispose"/>.</summary>
    internal int LiveTensors => _model.Tensors.Live;

    /// <summary>
    /// Opens a model folder: reads model.json, checks the files and their hashes, opens the graphs and compares them with model.json.
    /// </summary>
    /// <exception cref="ModelException">The folder is not a whole model.</exception>
    /// <exception cref="ProviderException">The provider is unknown, or it or a native library is not available here.</exception>
    public static TextToImage Load(string folder, TextToImageOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        options ??= new TextToImageOptions();
        long start = Stopwatch.GetTimestamp();
        Provider provider = Provider.Find(options.Provider);
        ModelFolder model = ModelFolder.Open(folder, options.Precision);
        int threads = options.Threads > 0 ? options.Threads : Processor.PhysicalCores();
        var resolver = new RequestResolver(model.Manifest, model.Precision, provider, threads);
        ResolvedRequest defaults = resolver.CheckDefaults();
        try
        {
            string? cache = CacheFolder.Find(options.CacheFolder, Environment.GetEnvironmentVariable);
            LoadedModel loaded = LoadedModel.Open(model, provider, threads, options.HashVerification, cache, options.Batch);
            var costs = new PassCostTables(loaded, model, provider, threads, defaults, cache);
            return new TextToImage(loaded, costs, resolver, Stopwatch.GetElapsedTime(start));
        }
        catch (TypeInitializationException error) when (error.GetBaseException() is DllNotFoundException)
        {
            throw new ProviderException(
                $"ONNX Runtime's native library cannot be loaded: it should lie beside the application in {AppContext.BaseDirectory}. " +
                "Add the package Microsoft.ML.OnnxRuntime to the application's project.", error);
        }
    }

    /// <summary>Draws a picture on a thread of its own, when earlier requests of this instance are done.</summary>
    /// <param name="progress">Told after each forward pass, on that thread.</param>
    /// <param name="cancellationToken">Ends the request within one forward pass, and while it waits at once.</param>
    /// <exception cref="RequestException">The model cannot draw this.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    /// <exception cref="ObjectDisposedException">This instance was disposed, before or meanwhile.</exception>
    public Task<GeneratedImage> GenerateAsync(
        GenerationRequest request, IProgress<GenerationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return DrawAsync(request, progress is null ? null : Report, previews: false, cancellationToken);

        void Report(GenerationEvent happened)
        {
            if (happened is GenerationProgress step)
                progress!.Report(step);
        }
    }

    /// <summary>
    /// Draws a picture and tells what happens meanwhile: progress after each forward pass, previews if the request wants them, and at last
    /// the picture. A reader that is slow misses nothing and holds nothing up; one that stops reading cancels the request.
    /// </summary>
    /// <inheritdoc cref="GenerateAsync"/>
    public IAsyncEnumerable<GenerationEvent> StreamAsync(GenerationRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return ReadAsync<GenerationEvent>(Channel.CreateUnbounded<GenerationEvent>, Draw, cancellationToken);

        async Task Draw(ChannelWriter<GenerationEvent> events, CancellationToken cancellation)
        {
            GeneratedImage image = await DrawAsync(request, Tell, previews: true, cancellation).ConfigureAwait(false);
            Tell(new GenerationCompleted(image));

            void Tell(GenerationEvent happened) => events.TryWrite(happened);
        }
    }

    /// <summary>
    /// Draws many pictures, several in each forward pass, which takes less time than one after another. Each is the very picture that
    /// <see cref="GenerateAsync"/> draws of its request.
    /// </summary>
    /// <param name="requests">
    /// Read, on the drawing thread, as there is room for them. Requests that follow each other and differ in prompt and seed alone share
    /// passes; where other settings change, the pictures before are finished first. Previews are not made.
    /// </param>
    /// <param name="progress">Told after each forward pass, on the drawing thread.</param>
    /// <param name="cancellationToken">Ends all pictures within one forward pass.</param>
    /// <returns>
    /// The pictures in the order in which they are finished, with the index of their request. Drawing pauses while as many pictures wait
    /// to be read as are drawn at once; a reader that leaves cancels the rest.
    /// </returns>
    /// <exception cref="RequestException">
    /// The model cannot draw one of the requests: those before it have been returned, none after it is begun.
    /// </exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    /// <exception cref="ObjectDisposedException">This instance was disposed, before or meanwhile.</exception>
    public IAsyncEnumerable<IndexedImage> GenerateManyAsync(
        IEnumerable<GenerationRequest> requests, GenerateManyOptions? options = null, IProgress<BatchProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(requests);
        int size = Math.Min(options?.Batch ?? int.MaxValue, Model.Batches[^1]);
        if (requests.TryGetNonEnumeratedCount(out int count))
            size = Math.Clamp(count, 1, size);
        return ReadAsync<IndexedImage>(() => Channel.CreateBounded<IndexedImage>(size), DrawMany, cancellationToken);

        Task DrawMany(ChannelWriter<IndexedImage> images, CancellationToken stopped) => TakeTurnAsync(
            cancellation =>
            {
                using IEnumerator<GenerationRequest> reader = requests.GetEnumerator();
                new ManyGeneration(_model, _costs, _resolver, reader, size, _load, Give, progress, cancellation).Run();
                return true;

                void Give(IndexedImage image)
                {
                    if (!images.TryWrite(image))
                        images.WriteAsync(image, cancellation).AsTask().GetAwaiter().GetResult();
                }
            },
            stopped);
    }

    /// <summary>
    /// What passes cost here, as <see cref="WindowSize.Auto"/> sees it. The table is measured when it is first needed, which takes about
    /// half a second or, where passes are long, some fifteen passes; and kept for later (<see cref="TextToImageOptions.CacheFolder"/>).
    /// </summary>
    /// <param name="pictures">
    /// Pictures in a pass, 1 or more: the table is that of the smallest of <see cref="ModelDescription.Batches"/> that holds them.
    /// </param>
    /// <param name="again">
    /// Whether to measure even if there is a table, and keep the new one: if the machine was busy the first time, say.
    /// </param>
    /// <param name="cancellationToken">Ends it within one forward pass, and while it waits at once.</param>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    /// <exception cref="ObjectDisposedException">This instance was disposed, before or meanwhile.</exception>
    public Task<PassCostTable> MeasurePassCostsAsync(int pictures = 1, bool again = false, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(pictures, 1);
        return TakeTurnAsync(cancellation => _costs.Of(pictures, again, cancellation), cancellationToken);
    }

    /// <summary>
    /// Cancels what is being drawn, waits for it to end (one node of the graph at most), and gives all native memory back.
    /// Not to be called from a progress callback that runs on the drawing thread: it would wait for itself.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        _disposing.Cancel();
        _turn.Wait();
        _model.Dispose();
        // Those still in line find the instance disposed when it is their turn. The semaphore holds no handle: nobody asked for one.
        _turn.Release();
    }

    /// <summary>Starts work when a reader comes, hands on what it writes, and ends it when the reader leaves.</summary>
    private static async IAsyncEnumerable<T> ReadAsync<T>(
        Func<Channel<T>> open, Func<ChannelWriter<T>, CancellationToken, Task> start,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stopped = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Channel<T> results = open();
        Task work = start(results.Writer, stopped.Token);
        _ = work.ContinueWith(
            _ => results.Writer.Complete(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        try
        {
            await foreach (T result in results.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
                yield return result;
            await work.ConfigureAwait(false);
        }
        finally
        {
            await stopped.CancelAsync().ConfigureAwait(false);
            // The reader may be gone before the work is; its thread must be, too.
            await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<GeneratedImage> DrawAsync(
        GenerationRequest request, Action<GenerationEvent>? events, bool previews, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        ResolvedRequest resolved = _resolver.Resolve(request);
        return await TakeTurnAsync(Draw, cancellationToken).ConfigureAwait(false);

        GeneratedImage Draw(CancellationToken cancellation) =>
            new Generation(_model, _costs, resolved, _load, events, previews, cancellation).Run();
    }

    /// <summary>Runs <paramref name="work"/> on a thread of its own when earlier calls are done.</summary>
    private async Task<T> TakeTurnAsync<T>(Func<CancellationToken, T> work, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposing.Token);
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed != 0, this);
            // Seconds of computing: not on the pool's threads.
            return await Task.Factory
                .StartNew(() => work(cancellation.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException error) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(error.Message, error, cancellationToken);
        }
        catch (OperationCanceledException) when (_disposed != 0)
        {
            throw new ObjectDisposedException(nameof(TextToImage), "The model was disposed while it drew.");
        }
        finally
        {
            _turn.Release();
        }
    }
}
