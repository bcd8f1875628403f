using System.Diagnostics;
using SjdOnnx.Flows;
using SjdOnnx.Runtime.Flows;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Runtime.Scheduling;

namespace SjdOnnx.Runtime;

/// <summary>
/// Samples images from an autoregressive flow (TarFlow, arXiv 2412.06329), one token after another or by Gauss-Seidel-Jacobi iteration
/// (arXiv 2505.12849). Thread-safe: concurrent calls take turns. A sample depends on its options alone.
/// </summary>
public sealed class FlowModel : IDisposable, IAsyncDisposable
{
    private readonly LoadedFlow _flow;
    private readonly FlowManifest _manifest;
    private readonly Turns _turns;

    private FlowModel(LoadedFlow flow, FlowManifest manifest, byte[] json, FlowPlan? plan)
    {
        (_flow, _manifest, Description, Plan) = (flow, manifest, new FlowModelDescription(manifest, json), plan);
        _turns = new Turns(typeof(FlowModel), flow);
    }

    /// <summary>What the model is and can do.</summary>
    public FlowModelDescription Description { get; }

    /// <summary>The plan in the model folder, plan.json; null if there is none.</summary>
    public FlowPlan? Plan { get; }

    /// <summary>OrtValues that are not yet disposed; 0 after disposal.</summary>
    internal int LiveTensors => _flow.Tensors.Live;

    /// <summary>
    /// Opens a model folder: reads model.json and plan.json, checks the files and their hashes, opens the graphs and compares them with
    /// model.json.
    /// </summary>
    /// <param name="folder">The folder that holds model.json.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Ends the comparison of hashes at once, and loading before the next graph.</param>
    /// <exception cref="ModelException">The folder is not a whole flow.</exception>
    /// <exception cref="ProviderException">The provider or a native library is not available here.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public static Task<FlowModel> LoadAsync(string folder, ModelLoadOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return Task.Run(() => Load(folder, options ?? new ModelLoadOptions(), cancellationToken), cancellationToken);
    }

    /// <summary>Draws a sample.</summary>
    /// <param name="options">Null for a sample of any class with seed 0.</param>
    /// <param name="observe">
    /// Called on the sampling thread after each pass with the block's number and its tokens so far, in the block's own order; null for
    /// nobody.
    /// </param>
    /// <param name="cancellationToken">Ends the request while it waits, and within one pass while it is sampled.</param>
    /// <exception cref="RequestException">The model has no such class, or the plan or the guidance does not fit.</exception>
    /// <exception cref="InferenceException">A graph failed, or the sample has no finite numbers.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    /// <exception cref="ObjectDisposedException">This instance was disposed, before or meanwhile.</exception>
    public Task<FlowSample> SampleAsync(
        FlowOptions? options = null, Action<int, ReadOnlySpan<float>>? observe = null, CancellationToken cancellationToken = default)
    {
        options ??= new FlowOptions();
        options = options with { Plan = options.Plan ?? Plan ?? FlowPlan.Sequential(Description.Blocks) };
        Check(options);
        return InTurnAsync(cancellation => Sample(options, observe, cancellation), cancellationToken);
    }

    /// <summary>Measures how likely an image is in each class.</summary>
    /// <param name="tokens">The image's patches: [tokens × channels], as in <see cref="FlowSample.Tokens"/>.</param>
    /// <param name="cancellationToken">Ends the request while it waits, and within one pass.</param>
    /// <returns>The natural logarithm of the density in each class, or, for a model without classes, of the only one.</returns>
    /// <exception cref="ArgumentException">There are more or fewer numbers than the model's images have.</exception>
    /// <exception cref="InferenceException">A graph failed, or the density is not a finite number.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    /// <exception cref="ObjectDisposedException">This instance was disposed, before or meanwhile.</exception>
    public Task<IReadOnlyList<double>> LogDensitiesAsync(IReadOnlyList<float> tokens, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        float[] numbers = [.. tokens];
        RequireLength(numbers);
        int classes = Math.Max(1, Description.Classes.Count);
        return InTurnAsync<IReadOnlyList<double>>(
            cancellation => [.. Enumerable.Range(0, classes).Select(
                label => Density(numbers, label, cancellation).LogDensity)],
            cancellationToken);
    }

    /// <summary>Returns the noise that an image comes from.</summary>
    /// <param name="tokens">The image's patches: [tokens × channels], as in <see cref="FlowSample.Tokens"/>.</param>
    /// <param name="label">The number of the class; null for none.</param>
    /// <param name="cancellationToken">Ends the request while it waits, and within one pass.</param>
    /// <exception cref="ArgumentException">There are more or fewer numbers than the model's images have.</exception>
    /// <exception cref="RequestException">The model has no such class.</exception>
    /// <exception cref="InferenceException">A graph failed, or the density is not a finite number.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    /// <exception cref="ObjectDisposedException">This instance was disposed, before or meanwhile.</exception>
    public Task<FlowDensity> DensityAsync(IReadOnlyList<float> tokens, int? label = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        float[] numbers = [.. tokens];
        RequireLength(numbers);
        RequireClass(label);
        return InTurnAsync(cancellation => Density(numbers, label, cancellation), cancellationToken);
    }

    /// <summary>Measures the blocks on samples of the model itself, and makes a plan of it.</summary>
    /// <param name="options">How many samples, and how exact the plan must be; null for the defaults.</param>
    /// <param name="progress">Called with the share that is done, 0 to 1.</param>
    /// <param name="cancellationToken">Ends the request while it waits, and within one pass.</param>
    /// <exception cref="InferenceException">A graph failed.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    /// <exception cref="ObjectDisposedException">This instance was disposed, before or meanwhile.</exception>
    public Task<FlowMeasurement> MeasureAsync(
        FlowMeasureOptions? options = null, IProgress<double>? progress = null, CancellationToken cancellationToken = default) =>
        InTurnAsync(
            cancellation => new FlowPlanner(_flow, _manifest.Flow, options ?? new FlowMeasureOptions()).Measure(progress, cancellation),
            cancellationToken);

    /// <summary>Ends what is under way and releases the memory.</summary>
    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>Ends what is under way and releases the memory.</summary>
    public ValueTask DisposeAsync() => _turns.DisposeAsync();

    private static FlowModel Load(string folder, ModelLoadOptions options, CancellationToken cancellation)
    {
        byte[] json = ModelFiles.ReadManifest(folder);
        FlowManifest manifest = FlowManifest.Read(json);
        var files = new ModelFiles(folder, manifest.Files, manifest.Flow.Graphs);
        FlowPlan? plan = FlowPlanFile.ReadBeside(files, manifest.Flow);
        Provider provider = Provider.Of(options.Provider, options.ProviderOptions);
        files.VerifyHashes(options, cancellation);
        var flow = new LoadedFlow(manifest.Flow, files, provider, options.PassThreads, options, cancellation);
        return new FlowModel(flow, manifest, json, plan);
    }

    private FlowSample Sample(FlowOptions options, Action<int, ReadOnlySpan<float>>? observe, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        float[] noise = FlowNoise.Draw(_manifest.Flow, options.Seed, options.Index);
        FlowResult result = _flow.Sampler(options.Class, options.Guidance).Sample(noise, options.Plan!, observe, cancellation);
        TimeSpan duration = Stopwatch.GetElapsedTime(start);
        float strength = options.Denoising ?? (Description.Noise is null ? 0 : 1);
        float[] clean = strength == 0 ? result.Tokens : _flow.Denoise(result.Tokens, options.Class, strength, cancellation);
        return new FlowSample
        {
            Tokens = result.Tokens,
            Image = FlowPatches.ToImage(clean, Description.Side, _manifest.Flow.Patch),
            Options = options,
            Blocks = result.Blocks,
            Duration = duration,
        };
    }

    private FlowDensity Density(float[] numbers, int? label, CancellationToken cancellation)
    {
        FlowDensity density = _flow.Sampler(label, new FlowGuidance()).Density(numbers, observe: null, cancellation);
        return double.IsFinite(density.LogDensity) ? density : throw new InferenceException(
            $"{Description.Name} computed a density that is not a finite number. The image's numbers must be finite and near [-1, 1].");
    }

    private void Check(FlowOptions options)
    {
        RequireClass(options.Class);
        if (options.Guidance.Strength > 0 && options.Class is null)
            throw new RequestException("Guidance leads towards a class, and none was given. Give a class, or guidance 0.");
        if (options.Denoising > 0 && Description.Noise is null)
        {
            throw new RequestException(
                $"The noise in the training images of {Description.Name} is not known, so it cannot be removed. Leave denoising out.");
        }

        try
        {
            options.Plan!.CheckFor(Description.Blocks, Description.Tokens);
        }
        catch (ArgumentException error)
        {
            throw new RequestException(error.Message, error);
        }
    }

    private void RequireClass(int? label)
    {
        int count = Description.Classes.Count;
        if (label >= count)
        {
            throw new RequestException(count == 0
                ? $"The model {Description.Name} has no classes. Leave the class out."
                : FormattableString.Invariant($"The class is {label}; the model {Description.Name} has classes from 0 to {count - 1}."));
        }
    }

    private void RequireLength(float[] numbers)
    {
        int expected = Description.Tokens * Description.Channels;
        if (numbers.Length != expected)
            throw new ArgumentException($"There are {numbers.Length} numbers; the model's images have {expected}.", nameof(numbers));
    }

    private Task<T> InTurnAsync<T>(Func<CancellationToken, T> work, CancellationToken cancellationToken) => _turns.TakeAsync(
        cancellation =>
        {
            try
            {
                return work(cancellation);
            }
            catch (FlowOverflowException error)
            {
                throw new InferenceException(error.Message, error);
            }
        },
        cancellationToken);
}
