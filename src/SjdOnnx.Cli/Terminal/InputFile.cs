namespace SjdOnnx.Cli.Terminal;

/// <summary>Files that the user names to be read.</summary>
internal static class InputFile
{
    /// <summary>Why a file cannot be read, as it continues after a colon.</summary>
    public static string Reason(string path, Exception error) => error switch
    {
        _ when Directory.Exists(path) => "it is a folder",
        FileNotFoundException or DirectoryNotFoundException => "there is no such file",
        UnauthorizedAccessException => "permission denied",
        _ => error.Message.TrimEnd('.'),
    };
}
