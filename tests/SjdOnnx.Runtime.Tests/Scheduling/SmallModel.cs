using System.Text.Json.Nodes;

namespace SjdOnnx.Runtime.Tests.Scheduling;

/// <summary>The test model with small images beside its own size, so that a test can draw many.</summary>
public sealed class SmallModel : IDisposable
{
    private readonly Lazy<ModelCopy> _copy = new(() =>
    {
        var copy = new ModelCopy();
        copy.Edit(manifest => manifest["image"]!["sizes"] = new JsonArray(
            Size(Large), Size(Small), Size(Wide), Size(Tiny)));
        return copy;

        static JsonArray Size(ImageSize size) => new(size.Width, size.Height);
    });

    public static ImageSize Large => new(128, 128);

    public static ImageSize Small => new(64, 64);

    public static ImageSize Wide => new(128, 64);

    public static ImageSize Tiny => new(32, 32);

    public TextToImage Load(TextToImageOptions? options = null) =>
        TextToImage.Load(_copy.Value.Folder, (options ?? new TextToImageOptions()) with { Threads = 1 });

    public void Dispose()
    {
        if (_copy.IsValueCreated)
            _copy.Value.Dispose();
    }
}
