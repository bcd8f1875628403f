using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Serve;

/// <summary>Writes a line of time, level and message for each entry of the log. Text from clients cannot control the terminal.</summary>
internal sealed class LogLineFormatter(TimeProvider clock) : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "sjd";

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        string level = logEntry.LogLevel switch
        {
            LogLevel.Warning => "warning: ",
            LogLevel.Error or LogLevel.Critical => "error: ",
            _ => "",
        };
        string message = logEntry.Formatter(logEntry.State, logEntry.Exception);
        textWriter.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{clock.GetLocalNow():HH:mm:ss.fff} {level}{Printable.Text(message)}"));
        if (logEntry.Exception is { } error)
            textWriter.WriteLine(Printable.Text(error.ToString(), keep: "\r\n\t"));
    }
}
