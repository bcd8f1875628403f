using System.Runtime.CompilerServices;

namespace SjdOnnx.Runtime.Tests;

/// <summary>The tests use a cache folder of their own, which is deleted when the process ends, and leave the user's alone.</summary>
internal static class TestCache
{
    public static string Folder { get; } = Path.Combine(Path.GetTempPath(), $"sjdonnx-test-cache-{Environment.ProcessId}");

    [ModuleInitializer]
    internal static void Use()
    {
        Environment.SetEnvironmentVariable("SJDONNX_CACHE", Folder);
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            if (Directory.Exists(Folder))
                Directory.Delete(Folder, recursive: true);
        };
    }
}
