using System.Runtime.CompilerServices;
using SjdOnnx.Runtime;

namespace SjdOnnx.Extensions.Tests;

/// <summary>The built-in model, loaded once for all tests of a class, with a cache folder of its own.</summary>
public sealed class BuiltInModel : IAsyncLifetime
{
    public static string Folder { get; } = Path.Combine(Root(), "onnx-models", "emoji");

    public static string Cache { get; } = Path.Combine(Path.GetTempPath(), $"sjdonnx-extensions-{Environment.ProcessId}");

    public TextToImage Model { get; private set; } = null!;

    public async Task InitializeAsync() => Model = await TextToImage.LoadAsync(Folder, new TextToImageOptions { CacheFolder = Cache });

    public async Task DisposeAsync() => await Model.DisposeAsync();

    public static string Root([CallerFilePath] string file = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", ".."));

    [ModuleInitializer]
    internal static void RemoveCacheAtExit() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        if (Directory.Exists(Cache))
            Directory.Delete(Cache, recursive: true);
    };
}
