using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Costs;

/// <summary>The tables of pass costs of a model that the cache folder has.</summary>
/// <param name="model">The model and its precision.</param>
/// <param name="provider">Where the graphs run.</param>
/// <param name="threads">Threads of a pass.</param>
/// <param name="folder">The cache folder; null for none.</param>
internal sealed class KeptPassCosts(ModelFolder model, Provider provider, int threads, string? folder)
{
    private readonly PassCostFile _file = new(folder);

    public ModelFolder Model => model;

    public Provider Provider => provider;

    public int Threads => threads;

    /// <summary>What a table for so many images holds for: one of the numbers for which there are graphs.</summary>
    public PassCostKey KeyOf(int images) => new(
        model.TransformerHash(images), provider.Key, threads, images, Processor.Name, Environment.ProcessorCount,
        OnnxRuntimeLibrary.Version, TextToImage.Version);

    /// <summary>The table; null if there is none, or if it cannot be used.</summary>
    public PassCostRecord? Read(int images) => _file.Read(KeyOf(images));

    /// <summary>Keeps a table.</summary>
    /// <returns>Its file; null if it could not be written.</returns>
    public string? Write(int images, int groups, IReadOnlyList<PassCost> costs)
    {
        PassCostKey key = KeyOf(images);
        return _file.Write(key, groups, costs) ? _file.PathOf(key) : null;
    }

    /// <summary>The file of a table; null if none is kept.</summary>
    public string? PathOf(int images) => _file.PathOf(KeyOf(images));

    /// <summary>
    /// Whether passes can be split into parts that run side by side. Only integer products are worth it: other weights would be packed
    /// once for each part, and reading them takes longer than the products (docs/benchmarks/pass-cost.md).
    /// </summary>
    private bool CanSplit => provider.IsCpu && threads > 1 && model.Precision.StartsWith("int", StringComparison.Ordinal)
        && model.Manifest.Transformer.Precisions[model.Precision].Lane is not null;

    /// <summary>Into how many parts a pass can be split, rising from 1.</summary>
    public IEnumerable<int> PossibleGroups(int images)
    {
        int most = CanSplit ? Math.Min(threads, images * model.Manifest.Transformer.Lanes) : 1;
        for (int groups = 1; groups <= most; groups *= 2)
            yield return groups;
    }

    /// <summary>
    /// Into how many parts a pass of a number of images is split: the number that was measured, or else two. Null if none can be split.
    /// </summary>
    public Func<int, int>? Split => CanSplit ? GroupsOf : null;

    private int GroupsOf(int images) => Read(images)?.Groups ?? PossibleGroups(images).Last(static groups => groups <= 2);
}
