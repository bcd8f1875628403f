using System.Runtime.InteropServices;
using SjdOnnx.Runtime.Native;

namespace SjdOnnx.Runtime;

/// <summary>Where the native libraries lie that ONNX Runtime does not find by itself.</summary>
public static class NativeLibraries
{
    /// <summary>Full path of ONNX Runtime Extensions, for <c>SessionOptions.RegisterCustomOpLibrary</c>.</summary>
    /// <exception cref="DllNotFoundException">The application came without it.</exception>
    public static string ExtensionsPath => Find(ExtensionsFileName, Folders());

    /// <summary>Of the native library, as "1.31.1".</summary>
    public static string OnnxRuntimeVersion => OnnxRuntimeLibrary.Version;

    internal static string ExtensionsFileName =>
        OperatingSystem.IsWindows() ? "ortextensions.dll" :
        OperatingSystem.IsMacOS() ? "libortextensions.dylib" :
        "libortextensions.so";

    internal static string Find(string fileName, IEnumerable<string> folders) =>
        folders.Select(folder => Path.Combine(folder, fileName)).FirstOrDefault(File.Exists)
        ?? throw new DllNotFoundException(
            $"{fileName} is not beside the application in {AppContext.BaseDirectory}: add the package Microsoft.ML.OnnxRuntime.Extensions " +
            $"to the application's project, or copy the library for {RuntimeInformation.RuntimeIdentifier} there.");

    /// <summary>Beside the application; where the host looks, which covers NuGet's layout; and NuGet's layout once more, for hosts
    /// that do not say where they look, as a single file does not.</summary>
    private static IEnumerable<string> Folders()
    {
        yield return AppContext.BaseDirectory;

        var searched = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
        foreach (string folder in searched.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
            yield return folder;

        yield return Path.Combine(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native");
    }
}
