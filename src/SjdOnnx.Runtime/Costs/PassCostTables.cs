using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Engine;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Windows;

namespace SjdOnnx.Runtime.Costs;

/// <summary>
/// The tables of pass costs of a loaded model. Each is measured when it is first needed, unless the cache folder has it.
/// </summary>
/// <param name="defaults">A request at the model's defaults: its passes are measured.</param>
/// <param name="folder">The cache folder; null for none.</param>
internal sealed class PassCostTables(
    LoadedModel model, ModelFolder modelFolder, Provider provider, int threads, ResolvedRequest defaults, string? folder)
{
    /// <summary>Once for each machine, provider, precision and size of batch; loading a model takes longer.</summary>
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(0.4);

    private readonly PassCostFile _file = new(folder);
    private readonly Dictionary<int, PassCostTable> _tables = []; // by images

    /// <summary>The window policy of an image that lets each pass choose its drafts.</summary>
    /// <param name="request">Its method bounds the choice.</param>
    /// <param name="images">Images that are drawn at once.</param>
    /// <param name="maxBatch">The most images in a pass: no table of more is measured, because each image needs a cache.</param>
    /// <param name="mayMeasure">Whether no image is under way, so that a missing table may be measured.</param>
    /// <returns>Null if no table is there and none may be measured.</returns>
    public AutoWindow? Windows(ResolvedRequest request, int images, int maxBatch, bool mayMeasure, CancellationToken cancellation)
    {
        // With another window, a method that is not seed-exact draws another image, and no image may depend on the others.
        bool isSeedExact = request.Method.Descriptor.IsSeedExact;
        int size = model.Transformer.SizeFor(isSeedExact ? images : 1);
        if (size > maxBatch)
            size = 1;
        if (!mayMeasure && Known(size) is null)
        {
            if (!isSeedExact || _tables.Count == 0)
                return null;
            size = _tables.Keys.MinBy(known => Math.Abs(known - size));
        }

        IReadOnlyList<PassCost> table = Of(size, again: false, cancellation).Costs;
        var costs = new PassCosts([.. table.Select(static cost => (cost.Drafts, cost.Duration.TotalSeconds))]);
        if (isSeedExact) // it pads a lone token to a pair, which costs what one draft does
            costs = new PassCosts([.. costs.Drafts.Select(drafts => (drafts, costs.Seconds(Math.Max(1, drafts))))]);
        int branches = (request.Method as ITreeMethod)?.MaxBranches(request.MaxDrafts) ?? 0;
        return new AutoWindow(costs, request.MaxDrafts, branches);
    }

    /// <summary>The table of the smallest graph that holds so many images.</summary>
    /// <param name="again">Whether to measure even if there is a table.</param>
    public PassCostTable Of(int images, bool again, CancellationToken cancellation)
    {
        int size = model.Transformer.SizeFor(images);
        if (!again && Known(size) is { } known)
            return known;

        PassCost[] costs = Measure(size, cancellation);
        if (!again && Known(size) is { } faster)
            return faster; // another process measured meanwhile: both use its table and draw the same images
        PassCostKey key = KeyOf(size);
        return _tables[size] = Table(key, costs, wasKept: false, _file.Write(key, costs));
    }

    /// <summary>The table that this process or the cache folder has; null if it must be measured.</summary>
    private PassCostTable? Known(int size)
    {
        if (_tables.TryGetValue(size, out PassCostTable? known))
            return known;
        PassCostKey key = KeyOf(size);
        return _file.Read(key) is { } costs ? _tables[size] = Table(key, costs, wasKept: true, hasFile: true) : null;
    }

    private PassCostTable Table(PassCostKey key, IReadOnlyList<PassCost> costs, bool wasKept, bool hasFile) => new()
    {
        Precision = Precision.Parse(modelFolder.Precision),
        Provider = provider.Kind,
        Threads = threads,
        Images = key.Images,
        Processor = key.Processor,
        Processors = key.Processors,
        OnnxRuntime = key.OnnxRuntime,
        Costs = costs,
        WasKept = wasKept,
        File = hasFile ? _file.PathOf(key) : null,
    };

    private PassCostKey KeyOf(int size) => new(
        modelFolder.TransformerHash(size), provider.Key, threads, size, Processor.Name, Environment.ProcessorCount,
        OnnxRuntimeLibrary.Version, TextToImage.Version);

    private PassCost[] Measure(int size, CancellationToken cancellation)
    {
        var timer = new PassTimer(model, defaults, size, Budget, cancellation);
        var costs = new PassCosts(timer.Measure());
        return [.. costs.Drafts.Select(drafts => new PassCost(drafts, TimeSpan.FromSeconds(costs.Seconds(drafts))))];
    }
}
