using SjdOnnx.Extensions.Hosting;
using SjdOnnx.Runtime;

namespace SjdOnnx.Server.Models;

/// <summary>A model that clients can ask for. The lock of <see cref="ModelPool"/> guards its state.</summary>
internal sealed class PooledModel
{
    private const int HashDigits = 10; // as web UIs show hashes

    private PooledModel(string name, string folder, TextToImageOptions options, ModelDescription description)
    {
        (Name, Folder, Options, Description) = (name, folder, options, description);
        MaxBatch = Math.Min(options.MaxBatch ?? int.MaxValue, description.Batches[^1]);
        Bytes = description.LoadedBytes + MaxBatch * description.CacheBytes;
    }

    /// <summary>Reads model.json.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="FormatException">An option cannot be read.</exception>
    /// <exception cref="ModelException">There is no such model.</exception>
    public static PooledModel Read(string name, SjdOnnxOptions options)
    {
        TextToImageOptions runtime = options.ToRuntime() with { MaxQueueLength = int.MaxValue };
        var model = new PooledModel(name, options.Model, runtime, ModelDescription.Read(options.Model, runtime.Precision));
        return model.MaxBatch == 1 ? model : new PooledModel(
            name, options.Model, runtime with { ExpectedBatch = model.MaxBatch }, model.Description);
    }

    /// <summary>The name that clients use.</summary>
    public string Name { get; }

    /// <summary>The folder, which no answer shows.</summary>
    public string Folder { get; }

    public TextToImageOptions Options { get; }

    public ModelDescription Description { get; }

    /// <summary>The most images in a pass.</summary>
    public int MaxBatch { get; }

    /// <summary>About how many bytes it takes when it is loaded: its files and the caches of all images in a pass.</summary>
    public long Bytes { get; }

    /// <summary>The first digits of the model's hash.</summary>
    public string ShortHash => Description.Hash[..HashDigits];

    /// <summary>The name and hash as web UIs show them, such as <c>emoji [0123456789]</c>.</summary>
    public string Title => $"{Name} [{ShortHash}]";

    /// <summary>The model while it is loaded.</summary>
    public TextToImage? Loaded { get; set; }

    /// <summary>What opens it, for all who wait for that; null if nothing does.</summary>
    public Task? Opening { get; set; }

    /// <summary>Requests that use it.</summary>
    public int Leases { get; set; }

    /// <summary>Whether new requests wait because another model needs its place.</summary>
    public bool IsDraining { get; set; }

    /// <summary>A number that rises with every use.</summary>
    public long LastUse { get; set; }

    /// <summary>The nearest size that the model draws: the closest in shape, among equal shapes the closest in width.</summary>
    public ImageSize Nearest(ImageSize wanted) => Description.Sizes
        .OrderBy(size => Math.Abs(Math.Log((double)size.Width / size.Height) - Math.Log((double)wanted.Width / wanted.Height)))
        .ThenBy(size => Math.Abs((long)size.Width - wanted.Width))
        .First();
}
