using SjdOnnx.Cli.Bench;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli;

/// <summary>What a failure is to the user: one sentence and an exit code.</summary>
internal sealed record Failure(int ExitCode, string Sentence)
{
    /// <summary>Set to 1, this environment variable adds the stack trace that a bug report needs.</summary>
    private const string TraceVariable = "SJD_TRACE";

    /// <summary>Prints the sentence to standard error, on one line.</summary>
    /// <returns>The exit code.</returns>
    public static int Report(Exception error, StopSignals signals)
    {
        Failure failure = Of(error, signals);
        Print.Note($"sjd: {failure.Sentence}");
        if (Environment.GetEnvironmentVariable(TraceVariable) == "1")
            Console.Error.WriteLine(error);
        return failure.ExitCode;
    }

    private static Failure Of(Exception error, StopSignals signals) => error switch
    {
        StoppedException => new(signals.ExitCode, error.Message),
        OperationCanceledException when signals.Token.IsCancellationRequested =>
            new(signals.ExitCode, "Stopped before it was finished."),
        CommandException command => new(command.ExitCode, command.Message),
        ModelException => new(Cli.ExitCode.Model, error.Message),
        RequestException => new(Cli.ExitCode.Request, error.Message),
        ProviderException => new(Cli.ExitCode.Provider, error.Message),
        TypeInitializationException { InnerException: Exception inner } => Of(inner, signals),
        DllNotFoundException => new(Cli.ExitCode.Provider, FirstLine(error)),
        OutOfMemoryException => new(Cli.ExitCode.Unexpected, "There is not enough memory for this model and size."),
        _ => new(
            Cli.ExitCode.Unexpected,
            $"Unexpected failure ({error.GetType().Name}): {FirstLine(error)} Set {TraceVariable}=1 to see where."),
    };

    private static string FirstLine(Exception error) => error.Message.Split('\n')[0].Trim();
}
