using System.Globalization;
using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Images;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Runtime.Prompts;
using SjdOnnx.Runtime.Text;
using SjdOnnx.Runtime.Transformers;

namespace SjdOnnx.Runtime.Engine;

/// <summary>A model whose graphs are open and match its model.json.</summary>
internal sealed class LoadedModel : IDisposable
{
    private LoadedModel(
        ModelFolder folder, NativeTensors tensors, TextTokenizer? tokenizer, Session? encoder, Transformer transformer, Session image)
    {
        if (encoder is not null)
            GraphContract.CheckTextEncoder(encoder, folder.Manifest, transformer.OpenGraph);
        if (tokenizer is not null)
            GraphContract.CheckTokenizer(tokenizer, reader: encoder ?? transformer.OpenGraph);
        GraphContract.CheckImageDecoder(image, folder.Manifest);
        if (folder.Manifest.Prompt.Cleaning is not null)
            UnicodeNormalization.Require("The cleaning of prompts for this model");
        Description = new ModelDescription(folder);
        Tensors = tensors;
        Prompts = new PromptReader(folder.Manifest, tokenizer, encoder is null ? null : new TextEncoder(encoder, Tensors));
        Transformer = transformer;
        ImageDecoder = new ImageDecoder(image, Tensors);
    }

    public ModelDescription Description { get; }

    public NativeTensors Tensors { get; }

    public PromptReader Prompts { get; }

    public Transformer Transformer { get; }

    public ImageDecoder ImageDecoder { get; }

    /// <summary>
    /// Opens the graphs and the tokenizer side by side and compares the hashes meanwhile, because each of these keeps one core busy.
    /// </summary>
    /// <param name="threads">Threads of a Run; 0 leaves the number to ONNX Runtime.</param>
    /// <param name="options">Hash verification, the expected batch and the callback for sessions.</param>
    /// <param name="cache">The cache folder, which remembers files whose hashes were compared; null for none.</param>
    /// <param name="progress">Called on the threads that load.</param>
    /// <param name="groupsOf">Into how many parts a pass of a number of images is split, which run side by side; null for one.</param>
    /// <param name="cancellation">
    /// Ends the comparison of hashes at once. ONNX Runtime finishes the graphs that it has begun to open.
    /// </param>
    /// <exception cref="ModelException">The folder does not hold what its model.json says.</exception>
    /// <exception cref="ProviderException">The provider or a native library is not available.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public static LoadedModel Open(
        ModelFolder folder, Provider provider, int threads, TextToImageOptions options, string? cache = null,
        IProgress<LoadProgress>? progress = null, Func<int, int>? groupsOf = null, CancellationToken cancellation = default)
    {
        OnnxRuntimeLibrary.EnsureEnvironment();
        var tensors = new NativeTensors();
        var reporter = new LoadReporter(progress, graphs: folder.TextEncoderGraph is null ? 2 : 3);
        IDeviceStream? stream = provider.OpenStream();
        if (stream is not null)
            CheckRoom(new ModelDescription(folder), provider, stream);
        SharedWeights? weights = groupsOf is not null ? new SharedWeights(tensors) : null;
        var transformer = new Transformer(
            folder.Manifest, folder.Precision, provider, tensors, stream, weights, groupsOf ?? (static _ => 1),
            (lanes, groups) => Onnx.Session.Open(
                folder.TransformerGraph(lanes), provider, threads / groups, options.ConfigureSession,
                Advice(folder.Manifest.Transformer.Precisions), stream, weights));
        Task hashes = Task.Run(
            () => folder.Files.VerifyHashes(options.HashVerification, cache, reporter.Verified, cancellation), cancellation);
        Task<TextTokenizer?> tokenizer = Task.Run(folder.OpenTokenizer, cancellation);
        Task<Session?> image = Task.Run(() => Counted(folder.ImageGraph), cancellation);
        Task transformers = Task.Run(() =>
        {
            transformer.Open(options.ExpectedBatch);
            reporter.Opened();
        }, cancellation);
        Task<Session?> encoder = Task.Run(() => folder.TextEncoderGraph is { } graph ? Counted(graph) : null, cancellation);
        try
        {
            // Throws the exception of the first in this list that failed, when all have ended: a wrong hash explains other failures.
            // WhenAll itself would throw the exception of the one that failed earliest.
            Task[] all = [hashes, transformers, encoder, image, tokenizer];
            Task.WhenAll(all).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();
            foreach (Task ended in all)
                ended.GetAwaiter().GetResult();
            cancellation.ThrowIfCancellationRequested();
            return new LoadedModel(folder, tensors, tokenizer.Result, encoder.Result, transformer, image.Result!);
        }
        catch
        {
            transformer.Dispose();
            foreach (Task<Session?> opening in (Task<Session?>[])[image, encoder])
            {
                if (opening.IsCompletedSuccessfully)
                    opening.Result?.Dispose();
            }

            throw;
        }

        Session Session(string graph) => Onnx.Session.Open(graph, provider, threads, options.ConfigureSession);

        Session? Counted(string graph)
        {
            cancellation.ThrowIfCancellationRequested();
            Session session = Session(graph);
            try
            {
                reporter.Opened();
            }
            catch
            {
                session.Dispose();
                throw;
            }

            return session;
        }
    }

    /// <summary>Runs one forward pass of <see cref="Decoder"/> for all sequences.</summary>
    /// <param name="failed">Called for each sequence that cannot go on, when the others have settled; null throws the exception.</param>
    /// <exception cref="InferenceException">A graph failed, or its output is not finite numbers. No sequence can go on.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested. No sequence can go on.</exception>
    public void Advance(IReadOnlyList<Sequence> sequences, Action<Sequence, Exception>? failed, CancellationToken cancellation)
    {
        List<(Sequence Sequence, Exception Error)>? failures = null; // told when all have settled
        try
        {
            Decoder.Advance(
                Transformer, sequences, failed is null ? null : (sequence, error) => (failures ??= []).Add((sequence, error)),
                cancellation);
        }
        catch (Exception error)
        {
            Transformer.Forget();
            if (error is NotFiniteNumberException)
                throw Explained(error);
            throw;
        }

        foreach ((Sequence sequence, Exception error) in failures ?? [])
            failed!(sequence, Explained(error));

        static Exception Explained(Exception error) => error is NotFiniteNumberException
            ? new InferenceException($"{error.Message} The model is damaged, or its precision is too low for it: try another one.", error)
            : error;
    }

    public void Dispose()
    {
        Prompts.Dispose();
        Transformer.Dispose();
        ImageDecoder.Dispose();
    }

    /// <summary>Loading more than the device can hold takes long, and fails with less clear words.</summary>
    private static void CheckRoom(ModelDescription model, Provider provider, IDeviceStream device)
    {
        long free = device.FreeBytes;
        if (free >= model.LoadedBytes)
            return;
        device.Dispose();
        throw new ProviderException(string.Create(CultureInfo.InvariantCulture,
            $"{model.Name} needs {model.LoadedBytes >> 20} MiB of the GPU's memory for its weights at {model.Precision}, and " +
            $"{free >> 20} MiB of GPU {provider.Device} are free. Choose another precision or GPU (device_id), or end what else uses it."));
    }

    /// <summary>
    /// What to do if a device cannot run a precision, as a sentence. Attention on devices reads caches of half precision.
    /// </summary>
    private static string Advice(Dictionary<string, PrecisionSection> precisions)
    {
        string[] half = [.. precisions.Keys.Where(name => precisions[name].Cache != "float32")];
        return half.Length > 0
            ? $"Choose the precision {string.Join(" or ", half)}."
            : "Export the model with --precision fp16, and choose that precision.";
    }

    /// <summary>Puts together what the threads that load report.</summary>
    private sealed class LoadReporter(IProgress<LoadProgress>? progress, int graphs)
    {
        private readonly Lock _lock = new();
        private LoadProgress _state = new(0, 0, 0, graphs);

        public void Verified(long bytes, long total) => Report(state => state with { BytesVerified = bytes, BytesToVerify = total });

        public void Opened() => Report(static state => state with { GraphsOpened = state.GraphsOpened + 1 });

        private void Report(Func<LoadProgress, LoadProgress> change)
        {
            if (progress is null)
                return;
            lock (_lock)
                progress.Report(_state = change(_state));
        }
    }
}
