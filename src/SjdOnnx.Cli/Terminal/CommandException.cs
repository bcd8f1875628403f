namespace SjdOnnx.Cli.Terminal;

/// <summary>The command cannot go on, for a reason that the user can act on.</summary>
/// <param name="exitCode">One of <see cref="ExitCode"/>.</param>
/// <param name="message">One sentence: the offending value, what was expected, what to do.</param>
internal sealed class CommandException(int exitCode, string message, Exception? innerException = null)
    : Exception(message, innerException)
{
    public int ExitCode { get; } = exitCode;
}
