namespace SjdOnnx.Runtime.Images;

/// <summary>What an image file says about its size and its making.</summary>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Parameters">The text that web UIs write and read (<see cref="ParametersText"/>); null where there is none.</param>
/// <param name="GenerationJson">For <see cref="GenerationData.FromJson"/>; null in the file of another program.</param>
public sealed record ImageFileInfo(ImageFormat Format, int Width, int Height, string? Parameters, string? GenerationJson)
{
    /// <summary>No picture is larger.</summary>
    private const long MaxFileBytes = 1L << 30;

    /// <summary>Reads a PNG, JPEG or WebP file to its end. Pixels are not decoded, and no more than 16 MiB of the file are kept.</summary>
    /// <exception cref="ImageFormatException">
    /// The file is of another format, damaged, cut short or too large, or no regular file but a pipe or device.
    /// </exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static ImageFileInfo Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        // Before it is opened: opening a pipe waits for somebody who writes to it. Pipes and devices have no length.
        if (new FileInfo(File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path) is { Exists: true, Length: 0 })
            throw new ImageFormatException("It is empty, or no regular file but a pipe or a device.");
        using FileStream file = File.OpenRead(path);
        return Read(file);
    }

    /// <inheritdoc cref="Read(string)"/>
    /// <param name="stream">Read from where it is; what follows the picture is not looked at.</param>
    public static ImageFileInfo Read(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var reader = new ForwardReader(stream, MaxFileBytes);
        ReadOnlySpan<byte> start = reader.Peek(WebPFile.HeaderLength);
        (string name, Func<ForwardReader, ImageFileInfo> read) =
            start.StartsWith(PngFile.Signature) ? ("PNG", (Func<ForwardReader, ImageFileInfo>)PngFile.Read) :
            start.StartsWith(JpegFile.Signature) ? ("JPEG", JpegFile.Read) :
            WebPFile.HasSignature(start) ? ("WebP", WebPFile.Read) :
            throw new ImageFormatException("It is no PNG, JPEG or WebP file: it starts as none of them does.");
        try
        {
            return read(reader);
        }
        catch (EndOfStreamException error)
        {
            throw new ImageFormatException($"The {name} is cut short: the file ends at byte {reader.Position}.", error);
        }
    }

    /// <param name="exif">Of a JPEG or WebP.</param>
    /// <param name="xmp">Likewise.</param>
    internal static ImageFileInfo Of(ImageFormat format, int width, int height, byte[]? exif, byte[]? xmp)
    {
        string? comment = exif is { Length: > 0 } ? Exif.ReadComment(exif) : null;
        // Cameras and phones comment, too.
        bool isParameters = comment?.Split('\n').Any(static line => line.StartsWith("Steps: ", StringComparison.Ordinal)) ?? false;
        return new ImageFileInfo(format, width, height, isParameters ? comment : null, xmp is { Length: > 0 } ? Xmp.ReadJson(xmp) : null);
    }
}
