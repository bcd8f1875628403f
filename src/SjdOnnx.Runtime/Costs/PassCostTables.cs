using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Engine;
using SjdOnnx.Windows;

namespace SjdOnnx.Runtime.Costs;

/// <summary>
/// The tables of pass costs of a loaded model. Each is measured when it is first needed, unless the cache folder has it.
/// </summary>
/// <param name="defaults">A request at the model's defaults: its passes are measured.</param>
/// <param name="kept">The cache folder's tables.</param>
internal sealed class PassCostTables(LoadedModel model, ResolvedRequest defaults, KeptPassCosts kept)
{
    /// <summary>Once for each machine, provider, precision and size of batch; loading a model takes longer.</summary>
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(0.4);

    /// <summary>The drafts by which two ways to split a pass are compared: images are mostly drawn with few.</summary>
    private static readonly int[] Usual = [1, 4, 8, 16];

    /// <summary>
    /// Where drafts begin as noise, a window of fewer drafts for each denoising step is passed before they are codes. Measured:
    /// docs/benchmarks/sjd2.md.
    /// </summary>
    private const int DraftsPerStep = 8;

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
        if (isSeedExact) // exact pads a lone token to a pair, which costs what one draft does
            costs = new PassCosts([.. costs.Drafts.Select(drafts => (drafts, costs.Seconds(Math.Max(1, drafts))))]);
        if (request.Method.Descriptor.HasTimesteps) // there may be a timestep token for each draft
            costs = new PassCosts([.. costs.Drafts.Select(drafts => (drafts, costs.Seconds(2 * drafts)))]);
        int branches = (request.Method as ITreeMethod)?.MaxBranches(request.MaxDrafts) ?? 0;
        int steps = (request.Method as IDenoisingMethod)?.DenoisingSteps ?? 0;
        return new AutoWindow(costs, request.MaxDrafts, branches, steps * DraftsPerStep);
    }

    /// <summary>The table of the smallest graph that holds so many images.</summary>
    /// <param name="again">Whether to measure even if there is a table.</param>
    public PassCostTable Of(int images, bool again, CancellationToken cancellation)
    {
        int size = model.Transformer.SizeFor(images);
        if (!again && Known(size) is { } known)
            return known;

        IReadOnlyList<PassCost> costs = Measure(size, cancellation);
        if (!again && Known(size) is { } faster)
            return faster; // another process measured meanwhile: both use its table and draw the same images
        int groups = model.Transformer.GroupsOf(size);
        return _tables[size] = Table(kept.KeyOf(size), groups, costs, wasKept: false, kept.Write(size, groups, costs));
    }

    /// <summary>The table that this process or the cache folder has; null if it must be measured.</summary>
    private PassCostTable? Known(int size)
    {
        if (_tables.TryGetValue(size, out PassCostTable? known))
            return known;
        if (kept.Read(size) is not { } record)
            return null;
        if (record.Groups != model.Transformer.GroupsOf(size))
            Split(size, record.Groups);
        return _tables[size] = Table(record.Key, record.Groups, record.Costs, wasKept: true, kept.PathOf(size));
    }

    private PassCostTable Table(PassCostKey key, int groups, IReadOnlyList<PassCost> costs, bool wasKept, string? file) => new()
    {
        Precision = Precision.Parse(kept.Model.Precision),
        Provider = kept.Provider.Kind,
        Threads = kept.Threads,
        Groups = groups,
        Images = key.Images,
        Processor = key.Processor,
        Processors = key.Processors,
        OnnxRuntime = key.OnnxRuntime,
        Costs = costs,
        WasKept = wasKept,
        File = file,
    };

    /// <summary>Measures every way to split a pass, and keeps to the fastest.</summary>
    private IReadOnlyList<PassCost> Measure(int size, CancellationToken cancellation)
    {
        var tables = new List<(int Groups, PassCosts Costs)>();
        foreach (int groups in kept.PossibleGroups(size))
        {
            Split(size, groups);
            tables.Add((groups, new PassCosts(new PassTimer(model, defaults, size, Budget, cancellation).Measure())));
        }

        (int fastest, PassCosts costs) = tables.MinBy(
            static table => Usual.Sum(drafts => Math.Log(table.Costs.Seconds(drafts))));
        if (fastest != model.Transformer.GroupsOf(size))
            Split(size, fastest);
        return [.. costs.Drafts.Select(drafts => new PassCost(drafts, TimeSpan.FromSeconds(costs.Seconds(drafts))))];
    }

    /// <summary>No image may be under way.</summary>
    private void Split(int size, int groups)
    {
        model.Transformer.SetGroups(size, groups);
        model.Transformer.Open(size);
    }
}
