namespace SjdOnnx.Runtime.Images;

/// <summary>
/// The bytes are not a whole, undamaged PNG, JPEG or WebP file. The message is one sentence about what is wrong and where.
/// </summary>
public sealed class ImageFormatException : SjdOnnxException
{
    /// <param name="message">What is wrong and where.</param>
    /// <param name="innerException">The cause, if another exception is it.</param>
    public ImageFormatException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
