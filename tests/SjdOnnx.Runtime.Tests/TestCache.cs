using System.Runtime.CompilerServices;

namespace SjdOnnx.Runtime.Tests;

/// <summary>Tests leave the user's cache alone: theirs is a folder that they make and nobody keeps.</summary>
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
