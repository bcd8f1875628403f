using SjdOnnx.Cli.Terminal;
using SjdOnnx.Server;

namespace SjdOnnx.Cli.Serve;

/// <summary>The API keys that a file and the environment hold.</summary>
internal static class ApiKeyFile
{
    /// <summary>Keys, with commas or spaces between.</summary>
    public const string Variable = "SJDONNX_API_KEYS";

    private const long MaxBytes = 1 << 20;

    /// <param name="path">A key on each line; lines that are empty or begin with # are skipped. Null for no file.</param>
    /// <param name="variable">The value of the environment variable.</param>
    /// <exception cref="CommandException">The file cannot be read, or a key is too short.</exception>
    public static IReadOnlyList<string> Read(string? path, string? variable)
    {
        string[] fromEnvironment = variable?.Split([',', ' ', '\n', '\t'], StringSplitOptions.RemoveEmptyEntries) ?? [];
        Check(fromEnvironment, Variable);
        if (path is null)
            return fromEnvironment;

        string[] lines;
        try
        {
            if (new FileInfo(path).Length > MaxBytes)
                throw new CommandException(ExitCode.Input, $"--api-keys is '{path}'; the file is too large for a list of keys.");
            lines = File.ReadAllLines(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(
                ExitCode.Input, $"--api-keys is '{path}', which cannot be read: {InputFile.Reason(path, error)}.", error);
        }

        string[] keys = [.. lines.Select(static line => line.Trim()).Where(static line => line.Length > 0 && line[0] != '#')];
        if (keys.Length == 0)
            throw new CommandException(ExitCode.Input, $"--api-keys is '{path}', which holds no key; it must have one on each line.");
        Check(keys, path);
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & UnixFileMode.OtherRead) != 0)
            Print.Note($"Every user of this machine can read the API keys in '{path}'; chmod 600 prevents that.");
        return [.. keys, .. fromEnvironment];
    }

    private static void Check(IEnumerable<string> keys, string place)
    {
        if (keys.Any(static key => key.Length < SjdOnnxServerOptions.MinKeyLength || key.Any(char.IsWhiteSpace)))
        {
            throw new CommandException(ExitCode.Input,
                $"A key in {place} has spaces or is too short; each must have at least {SjdOnnxServerOptions.MinKeyLength} characters. " +
                "openssl rand -hex 32 makes one.");
        }
    }
}
