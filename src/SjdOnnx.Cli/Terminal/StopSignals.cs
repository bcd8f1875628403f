using System.Runtime.InteropServices;

namespace SjdOnnx.Cli.Terminal;

/// <summary>
/// Turns the first Ctrl+C, SIGTERM or SIGHUP into a cancellation, so that the command can clean up. The second one ends the process at
/// once.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration[] _registrations;

    public StopSignals() => _registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, Terminal.ExitCode.Interrupted)),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, Terminal.ExitCode.Terminated)),
        PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => Stop(context, Terminal.ExitCode.HungUp)),
    ];

    public CancellationToken Token => _stop.Token;

    /// <summary>The exit code for the signal that came first.</summary>
    public int ExitCode { get; private set; } = Terminal.ExitCode.Interrupted;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
            registration.Dispose();
        _stop.Dispose();
    }

    private void Stop(PosixSignalContext context, int exitCode)
    {
        if (_stop.IsCancellationRequested)
            return;

        context.Cancel = true;
        ExitCode = exitCode;
        _stop.Cancel();
    }
}
