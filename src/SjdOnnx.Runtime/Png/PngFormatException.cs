namespace SjdOnnx.Runtime.Png;

/// <summary>The bytes are no whole, undamaged PNG. The message is one sentence about what is wrong and where.</summary>
public sealed class PngFormatException : Exception
{
    public PngFormatException()
    {
    }

    public PngFormatException(string message)
        : base(message)
    {
    }

    public PngFormatException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
