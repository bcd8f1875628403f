namespace SjdOnnx.Cli.Terminal;

/// <summary>Names that stand for standard input and output in place of a file.</summary>
internal static class StandardStreams
{
    public static bool IsInput(string path) => path is "-" or "/dev/stdin";

    public static bool IsOutput(string? path) => path is "-" or "/dev/stdout";
}
