using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Images;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Native;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>The tables of pass costs of a loaded model, each measured when it is first needed, unless it was kept from before.</summary>
/// <param name="defaults">A request at the model's defaults: what is measured.</param>
/// <param name="folder">Where tables are kept; null for nowhere.</param>
internal sealed class PassCostTables(
    LoadedModel model, ModelFolder modelFolder, Provider provider, int threads, ResolvedRequest defaults, string? folder)
{
    /// <summary>Once for each machine, provider, precision and size of batch; hardly to be noticed beside loading a model.</summary>
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(0.4);

    private readonly PassCostFile _file = new(folder);
    private readonly Dictionary<int, PassCostTable> _tables = []; // by pictures

    /// <summary>The costs for a method.</summary>
    /// <param name="pictures">Pictures that are drawn at once.</param>
    public PassCosts For(IDecodingMethod method, int pictures, CancellationToken cancellation)
    {
        // A method that is not seed-exact draws another picture with another window, and what a picture looks like must not depend on the
        // others.
        PassCostTable table = Of(method.IsSeedExact ? pictures : 1, again: false, cancellation);
        var costs = new PassCosts([.. table.Costs.Select(cost => (cost.Drafts, cost.Seconds))]);
        return Batch.ReadsInPairs(method)
            ? new PassCosts([.. costs.Drafts.Select(drafts => (drafts, costs.Seconds(Math.Max(1, drafts))))]) // a pair costs what one draft does
            : costs;
    }

    /// <summary>The table of the smallest graph that holds so many pictures.</summary>
    /// <param name="again">Whether to measure even if there is a table.</param>
    public PassCostTable Of(int pictures, bool again, CancellationToken cancellation)
    {
        int size = model.Transformer.SizeFor(pictures);
        if (!again && _tables.TryGetValue(size, out PassCostTable? known))
            return known;

        var key = new PassCostKey(
            modelFolder.TransformerHash(size), provider.Name, threads, size, Processor.Name, Environment.ProcessorCount,
            OnnxRuntimeLibrary.Version, GenerationData.EngineVersion);
        IReadOnlyList<PassCost>? kept = again ? null : _file.Read(key);
        IReadOnlyList<PassCost> costs = kept ?? Measure(size, cancellation);
        if (kept is null && !again)
            costs = (kept = _file.Read(key)) ?? costs; // another process was faster: one table for all, and so the same pictures
        bool hasFile = kept is not null || _file.Write(key, costs);
        return _tables[size] = new PassCostTable
        {
            Precision = modelFolder.Precision,
            Provider = key.Provider,
            Threads = key.Threads,
            Pictures = size,
            Processor = key.Processor,
            Processors = key.Processors,
            OnnxRuntime = key.OnnxRuntime,
            Costs = costs,
            WasKept = kept is not null,
            File = hasFile ? _file.PathOf(key) : null,
        };
    }

    private PassCost[] Measure(int size, CancellationToken cancellation)
    {
        var timer = new PassTimer(model, defaults, size, Budget, cancellation);
        var costs = new PassCosts(timer.Measure());
        return [.. costs.Drafts.Select(drafts => new PassCost(drafts, costs.Seconds(drafts)))];
    }
}
