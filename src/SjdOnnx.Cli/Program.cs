using System.CommandLine;

namespace SjdOnnx.Cli;

internal static class Program
{
    public static async Task<int> Main(string[] arguments)
    {
        using var signals = new StopSignals();
        try
        {
            // Signals and failures are handled here: the parser's own handling kills after two seconds and prints stack traces.
            var invocation = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
            return await new CommandLine().Parse(arguments).InvokeAsync(invocation, signals.Token);
        }
        catch (Exception error)
        {
            return Failure.Report(error, signals);
        }
    }
}
