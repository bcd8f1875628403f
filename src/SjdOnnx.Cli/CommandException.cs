namespace SjdOnnx.Cli;

/// <summary>The command cannot go on, for a reason that is the user's to know.</summary>
/// <param name="exitCode">One of <see cref="ExitCode"/>.</param>
/// <param name="message">One sentence: the offending value, what was expected, what to do.</param>
internal sealed class CommandException(int exitCode, string message, Exception? innerException = null)
    : Exception(message, innerException)
{
    public int ExitCode { get; } = exitCode;
}
