namespace SjdOnnx.Cli.Terminal;

/// <summary>Exit codes of sjd. <see cref="Table"/> is what every help page says about them.</summary>
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
    public const int Queue = 8;

    // Shells report a process that a signal ended as 128 + the signal's number.
    public const int HungUp = 129; // SIGHUP: the terminal was closed
    public const int Interrupted = 130; // SIGINT: Ctrl+C
    public const int Terminated = 143; // SIGTERM

    public const string Table = """
        Exit codes:
          0    success
          1    unexpected failure
          2    wrong usage, or an option out of its range
          3    the model folder is missing, damaged or inconsistent, or has no such precision
          4    the model cannot draw this prompt or size
          5    a file cannot be written
          6    an execution provider or a native library is not available
          7    a file that was given cannot be read or used: an image, prompts, a line of batch, API keys, a certificate
          8    the queue of a fleet cannot be reached, or refuses access
          130  stopped by Ctrl+C (143: by SIGTERM, 129: by SIGHUP); finished images stay, nothing else is left
        """;
}
