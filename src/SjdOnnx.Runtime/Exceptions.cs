namespace SjdOnnx.Runtime;

/// <summary>
/// The base of every exception that this library throws on its own. The message is one sentence or two for the person at the keyboard: what
/// is wrong, what was expected, what to do. Wrong arguments of a call (<see cref="ArgumentException"/>), cancellation
/// (<see cref="OperationCanceledException"/>) and use after disposal (<see cref="ObjectDisposedException"/>) are .NET's own exceptions.
/// </summary>
public abstract class SjdOnnxException : Exception
{
    private protected SjdOnnxException(string message, Exception? innerException = null) : base(message, innerException)
    {
    }
}

/// <summary>The model folder cannot be used.</summary>
public sealed class ModelException : SjdOnnxException
{
    /// <summary>How sentences about a damaged folder end.</summary>
    internal const string Remedy = "Export the model again, or copy the folder again from where it came.";

    /// <param name="message">What is wrong, what was expected, what to do.</param>
    /// <param name="innerException">The cause, if another exception is it.</param>
    public ModelException(string message, Exception? innerException = null) : base(message, innerException)
    {
    }
}

/// <summary>The model cannot draw what was asked for. The message names the value, what is legal, and what to do.</summary>
public sealed class RequestException : SjdOnnxException
{
    /// <param name="message">The value, what is legal, and what to do.</param>
    /// <param name="innerException">The cause, if another exception is it.</param>
    public RequestException(string message, Exception? innerException = null) : base(message, innerException)
    {
    }
}

/// <summary>
/// An execution provider or a native library is not available here. The engine never falls back to another provider by itself.
/// </summary>
public sealed class ProviderException : SjdOnnxException
{
    /// <param name="message">What is missing, and what to install or choose.</param>
    /// <param name="innerException">The cause, if another exception is it.</param>
    public ProviderException(string message, Exception? innerException = null) : base(message, innerException)
    {
    }
}

/// <summary>A graph failed while an image was drawn: memory ran out, or the model computed something that is not a number.</summary>
public sealed class InferenceException : SjdOnnxException
{
    /// <param name="message">The graph's file, the reason, and what to do.</param>
    /// <param name="innerException">The cause, if another exception is it.</param>
    public InferenceException(string message, Exception? innerException = null) : base(message, innerException)
    {
    }
}

/// <summary>Too many requests wait for their turn (<see cref="TextToImageOptions.MaxQueueLength"/>). Try again later.</summary>
public sealed class QueueFullException : SjdOnnxException
{
    /// <param name="message">How many requests wait, and what to do.</param>
    public QueueFullException(string message) : base(message)
    {
    }
}
