namespace SjdOnnx.Runtime.Machine;

/// <summary>Folder for cached measurements, verified hashes and accepted licenses. It is created when something is first kept.</summary>
internal static class CacheFolder
{
    /// <summary>The environment variable that moves the folder or switches it off.</summary>
    public const string Variable = "SJDONNX_CACHE";

    private const string Off = "off";

    /// <summary>Returns the folder; null to keep nothing.</summary>
    /// <param name="option">The application's choice: a folder, "" for none, or null for the user's cache.</param>
    /// <param name="environment">Reads an environment variable.</param>
    public static string? Find(string? option, Func<string, string?> environment)
    {
        string? folder = option ?? environment(Variable);
        if (folder is not null)
            return folder is "" or Off ? null : folder;

        string? root = OperatingSystem.IsWindows() ? environment("LOCALAPPDATA")
            : environment("XDG_CACHE_HOME") is { Length: > 0 } cache ? cache
            : environment("HOME") is { Length: > 0 } home ? Path.Combine(home, OperatingSystem.IsMacOS() ? "Library/Caches" : ".cache")
            : null;
        return string.IsNullOrEmpty(root) ? null : Path.Combine(root, "sjdonnx");
    }

    /// <summary>Writes a file of the cache, in place of an older one. It appears whole or not at all, whoever else writes it.</summary>
    /// <param name="path">Its folder is created if it is not there.</param>
    /// <returns>Whether it could be written.</returns>
    public static bool TryReplace(string path, byte[] bytes)
    {
        string partial = $"{path}.{Environment.ProcessId}.{Guid.NewGuid():N}.partial";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(partial, bytes);
            File.Move(partial, path, overwrite: true);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return false;
        }
    }
}
