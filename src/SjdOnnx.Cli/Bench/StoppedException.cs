namespace SjdOnnx.Cli.Bench;

/// <summary>A stop signal ended the command, and there is something to say about how far it came.</summary>
internal sealed class StoppedException(string message, CancellationToken token) : OperationCanceledException(message, token);
