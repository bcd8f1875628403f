namespace SjdOnnx.Cli;

/// <summary>What a shell script learns from <c>$?</c>. <see cref="Table"/> is what --help prints.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Unexpected = 1;
    public const int Usage = 2;
    public const int Model = 3;
    public const int Request = 4;
    public const int Output = 5;
    public const int Provider = 6;
    public const int Input = 7;

    /// <summary>SIGHUP, which a terminal sends when it is closed, is signal 1.</summary>
    public const int HungUp = 129;

    /// <summary>Shells report a process that a signal ended as 128 + the signal's number; Ctrl+C is signal 2.</summary>
    public const int Interrupted = 130;

    /// <summary>SIGTERM is signal 15.</summary>
    public const int Terminated = 143;

    public const string Table = """
        Exit codes:
          0    done
          1    unexpected failure
          2    wrong usage, or an option out of its range
          3    the model folder is missing, damaged, contradicts itself, or lacks the precision
          4    the model cannot draw this prompt or size
          5    a file cannot be written
          6    a provider or a native library is not available
          7    inspect: the file is no whole PNG, JPEG or WebP, or has no generation data; bench: there are no prompts in the file
          130  stopped by Ctrl+C (143: by SIGTERM, 129: by SIGHUP); pictures finished before stay, nothing else is left behind
        """;
}
