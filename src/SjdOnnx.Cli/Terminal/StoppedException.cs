namespace SjdOnnx.Cli.Terminal;

/// <summary>A signal stopped the command, and the message says how far it came.</summary>
internal sealed class StoppedException(string message, CancellationToken token) : OperationCanceledException(message, token);
