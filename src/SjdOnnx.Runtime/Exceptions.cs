namespace SjdOnnx.Runtime;

/// <summary>
/// The model folder cannot be used. The message is one sentence or two for the person at the keyboard: what is wrong, what was expected,
/// what to do.
/// </summary>
public sealed class ModelException : Exception
{
    public ModelException(string message) : base(message) { }

    public ModelException(string message, Exception innerException) : base(message, innerException) { }
}

/// <summary>The model cannot draw what was asked for. The message names the value, what is legal, and what to do.</summary>
public sealed class RequestException : Exception
{
    public RequestException(string message) : base(message) { }

    public RequestException(string message, Exception innerException) : base(message, innerException) { }
}

/// <summary>
/// An execution provider or a native library is not available here. The engine never falls back to another provider by itself.
/// </summary>
public sealed class ProviderException : Exception
{
    public ProviderException(string message) : base(message) { }

    public ProviderException(string message, Exception innerException) : base(message, innerException) { }
}
