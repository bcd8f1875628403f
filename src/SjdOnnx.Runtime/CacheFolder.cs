namespace SjdOnnx.Runtime;

/// <summary>Where to keep what need not be found out again: what passes cost, which licences were shown. It is made when something is first kept.</summary>
internal static class CacheFolder
{
    /// <summary>Moves the folder, or switches it off.</summary>
    public const string Variable = "SJDONNX_CACHE";

    private const string Off = "off";

    /// <summary>The folder; null to keep nothing.</summary>
    /// <param name="option">What the application says: a folder, "" for none, or null for the user's.</param>
    /// <param name="environment">Reads a variable of the environment.</param>
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
}
