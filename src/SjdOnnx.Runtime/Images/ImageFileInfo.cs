namespace SjdOnnx.Runtime.Images;

/// <summary>The size of an image file, and its generation data.</summary>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Parameters">The text that web UIs write and read (<see cref="ParametersText"/>); null if there is none.</param>
/// <param name="GenerationJson">JSON for <see cref="GenerationData.FromJson"/>; null if another program wrote the file.</param>
public sealed record ImageFileInfo(ImageFormat Format, int Width, int Height, string? Parameters, string? GenerationJson)
{
    /// <summary>Larger files are refused. No image file is as large as this.</summary>
    private const long MaxFileBytes = 1L << 30;

    /// <summary>Reads a PNG, JPEG or WebP file to its end. Pixels are not decoded, and no more than 16 MiB of the file are kept.</summary>
    /// <exception cref="ImageFormatException">
    /// The file has another format, is damaged, cut short or too large, or is a pipe or a device.
    /// </exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static ImageFileInfo Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        // The length comes first, because opening a pipe would wait for a writer. Pipes and devices have length 0.
        if (new FileInfo(File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path) is { Exists: true, Length: 0 })
            throw new ImageFormatException("It is empty, or no regular file but a pipe or a device.");
        using FileStream file = File.OpenRead(path);
        return Read(file);
    }

    /// <inheritdoc cref="Read(string)"/>
    /// <param name="stream">Read from its current position. What follows the image is not checked.</param>
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

    /// <param name="exif">EXIF data of a JPEG or WebP file; null or empty if there are none.</param>
    /// <param name="xmp">XMP data of such a file; null or empty if there are none.</param>
    internal static ImageFileInfo Of(ImageFormat format, int width, int height, byte[]? exif, byte[]? xmp)
    {
        string? comment = exif is { Length: > 0 } ? Exif.ReadComment(exif) : null;
        // Cameras and phones write comments too.
        bool isParameters = comment?.Split('\n').Any(static line => line.StartsWith("Steps: ", StringComparison.Ordinal)) ?? false;
        return new ImageFileInfo(format, width, height, isParameters ? comment : null, xmp is { Length: > 0 } ? Xmp.ReadJson(xmp) : null);
    }
}
