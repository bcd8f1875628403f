namespace SjdOnnx.Fleet;

/// <summary>The broker cannot be reached, refuses access, or has lost the connection.</summary>
public sealed class FleetException : Exception
{
    /// <param name="message">One sentence for the person at the keyboard.</param>
    /// <param name="isRefused">Whether trying again is of no use.</param>
    /// <param name="innerException">The cause.</param>
    public FleetException(string message, bool isRefused, Exception? innerException = null) : base(message, innerException) =>
        IsRefused = isRefused;

    /// <summary>Whether trying again is of no use: a wrong password, for example.</summary>
    public bool IsRefused { get; }
}
