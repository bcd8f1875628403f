using SjdOnnx.Cli.Terminal;
using SjdOnnx.Fleet;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli;

/// <summary>What the user sees of an exception: one line and an exit code.</summary>
internal sealed record Failure(int ExitCode, string Message)
{
    // Bug reports need the stack trace.
    private const string TraceVariable = "SJD_TRACE";

    /// <summary>Prints the message to standard error.</summary>
    /// <returns>The exit code.</returns>
    public static int Report(Exception error, StopSignals signals)
    {
        Failure failure = Of(error, signals);
        Print.Note($"sjd: {failure.Message}");
        if (Environment.GetEnvironmentVariable(TraceVariable) == "1")
            Console.Error.WriteLine(Printable.Text(error.ToString(), keep: "\r\n\t"));
        return failure.ExitCode;
    }

    private static Failure Of(Exception error, StopSignals signals) => error switch
    {
        StoppedException => new(signals.ExitCode, error.Message),
        OperationCanceledException when signals.Token.IsCancellationRequested => new(signals.ExitCode, "Stopped before it was finished."),
        CommandException command => new(command.ExitCode, command.Message),
        ModelException => new(Terminal.ExitCode.Model, error.Message),
        RequestException => new(Terminal.ExitCode.Request, error.Message),
        ProviderException => new(Terminal.ExitCode.Provider, error.Message),
        FleetException => new(Terminal.ExitCode.Queue, error.Message),
        SjdOnnxException => new(Terminal.ExitCode.Unexpected, error.Message),
        TypeInitializationException { InnerException: Exception inner } => Of(inner, signals),
        DllNotFoundException => new(Terminal.ExitCode.Provider, FirstLine(error)),
        OutOfMemoryException => new(Terminal.ExitCode.Unexpected, "There is not enough memory for this model and size."),
        _ => new(
            Terminal.ExitCode.Unexpected,
            $"Unexpected failure ({error.GetType().Name}): {FirstLine(error)} Set {TraceVariable}=1 to see where."),
    };

    private static string FirstLine(Exception error) => error.Message.Split('\n')[0].Trim();
}
