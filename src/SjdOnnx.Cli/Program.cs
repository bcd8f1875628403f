using System.CommandLine;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Methods;

namespace SjdOnnx.Cli;

internal static class Program
{
    public static Task<int> Main(string[] arguments) => RunAsync(arguments, DecodingMethods.BuiltIn);

    /// <summary>Runs a command line with these decoding methods to choose from.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(string[] arguments, DecodingMethods methods)
    {
        using var signals = new StopSignals();
        try
        {
            // Signals and failures are handled here: the parser's own handling kills after two seconds and prints stack traces.
            var invocation = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
            return await new CommandLine(methods).Parse(arguments).InvokeAsync(invocation, signals.Token);
        }
        catch (Exception error)
        {
            return Failure.Report(error, signals);
        }
    }
}
