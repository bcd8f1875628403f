namespace SjdOnnx.Runtime.Images;

/// <summary>The bytes are no whole, undamaged PNG, JPEG or WebP. The message is one sentence about what is wrong and where.</summary>
public sealed class ImageFormatException : Exception
{
    public ImageFormatException()
    {
    }

    public ImageFormatException(string message)
        : base(message)
    {
    }

    public ImageFormatException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
