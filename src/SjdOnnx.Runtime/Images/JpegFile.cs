using System.Buffers;
using System.Buffers.Binary;

namespace SjdOnnx.Runtime.Images;

/// <summary>
/// Writes and reads the APP1 segments of a JPEG file, which hold EXIF and XMP (EXIF 2.3, section 4.7; XMP, part 3, section 1.1.3).
/// </summary>
/// <remarks>
/// A segment holds 64 kB. Longer data, which only prompts of many thousand characters need, continue in further segments with the same
/// start. Other programs write and join them in the same way.
/// </remarks>
internal static class JpegFile
{
    private const byte Marker = 0xFF;
    private const byte App0 = 0xE0;
    private const byte App1 = 0xE1;
    private const byte StartOfImage = 0xD8;
    private const byte EndOfImage = 0xD9;
    private const byte StartOfScan = 0xDA;
    private const int LengthField = sizeof(ushort);

    public static ReadOnlySpan<byte> Signature => [Marker, StartOfImage, Marker];

    private static ReadOnlySpan<byte> ExifStart => "Exif\0\0"u8;

    private static ReadOnlySpan<byte> XmpStart => "http://ns.adobe.com/xap/1.0/\0"u8;

    /// <summary>Returns the same image with EXIF and XMP. They follow JFIF's own segment, which must come first.</summary>
    /// <param name="jpeg">A complete JPEG file.</param>
    public static byte[] Insert(ReadOnlySpan<byte> jpeg, string parameters, string json)
    {
        int at = jpeg[3] == App0 ? 4 + BinaryPrimitives.ReadUInt16BigEndian(jpeg[4..]) : 2;
        return [.. jpeg[..at], .. Segments(ExifStart, Exif.Write(parameters)), .. Segments(XmpStart, Xmp.Write(json)), .. jpeg[at..]];
    }

    /// <summary>Reads a JPEG file to its end, and keeps only EXIF and XMP.</summary>
    /// <param name="reader">Positioned at the signature.</param>
    /// <exception cref="ImageFormatException">The JPEG is damaged, or has too much EXIF and XMP.</exception>
    /// <exception cref="EndOfStreamException">The JPEG is cut short.</exception>
    public static ImageFileInfo Read(ForwardReader reader)
    {
        using var exif = new MemoryStream();
        using var xmp = new MemoryStream();
        (int Width, int Height)? size = null;
        bool scanned = false;
        reader.Advance(2); // start of image
        byte marker = ReadMarker(reader);
        while (marker != EndOfImage)
        {
            int length = ((reader.ReadByte() << 8) | reader.ReadByte()) - LengthField;
            if (length < 0 || marker is < 0xC0 or StartOfImage)
                throw new ImageFormatException($"The JPEG is damaged: no segment starts before byte {reader.Position}.");
            switch (marker)
            {
                case App1:
                    ReadApp1(reader.Read(length), exif, xmp);
                    break;
                // These markers start a frame, except for three, which start tables.
                case <= 0xCF and not (0xC4 or 0xC8 or 0xCC) when length >= 5:
                    byte[] frame = reader.Read(length);
                    size ??= (BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(3)), BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(1)));
                    break;
                default:
                    reader.Skip(length);
                    break;
            }

            scanned |= marker == StartOfScan;
            marker = marker == StartOfScan ? SkipScan(reader) : ReadMarker(reader);
        }

        return size is (int width, int height) && scanned
            ? ImageFileInfo.Of(ImageFormat.Jpeg, width, height, exif.ToArray(), xmp.ToArray())
            : throw new ImageFormatException("The JPEG is damaged: it ends before its image.");
    }

    private static void ReadApp1(ReadOnlySpan<byte> data, MemoryStream exif, MemoryStream xmp)
    {
        if (data.StartsWith(ExifStart))
            exif.Write(data[ExifStart.Length..]);
        else if (data.StartsWith(XmpStart))
            xmp.Write(data[XmpStart.Length..]);
        KeptText.CheckLength(exif.Length + xmp.Length);
    }

    /// <returns>The code of the next marker.</returns>
    private static byte ReadMarker(ForwardReader reader) =>
        reader.ReadByte() == Marker
            ? ReadCode(reader)
            : throw new ImageFormatException($"The JPEG is damaged: no segment starts at byte {reader.Position - 1}.");

    /// <returns>The code of the marker that ends a scan.</returns>
    private static byte SkipScan(ForwardReader reader)
    {
        while (true)
        {
            ReadOnlySpan<byte> next = reader.Next(int.MaxValue);
            int marker = next.IndexOf(Marker);
            reader.Advance(marker < 0 ? next.Length : marker + 1);
            // Inside a scan, a zero follows each 0xFF of the image data, and there are restart markers.
            if (marker >= 0 && ReadCode(reader) is var code and not (0 or (>= 0xD0 and <= 0xD7)))
                return code;
        }
    }

    /// <summary>Reads the code that follows a marker's 0xFF, which may be repeated.</summary>
    private static byte ReadCode(ForwardReader reader)
    {
        byte code;
        while ((code = reader.ReadByte()) == Marker)
        {
        }

        return code;
    }

    private static byte[] Segments(ReadOnlySpan<byte> start, ReadOnlySpan<byte> data)
    {
        var segments = new ArrayBufferWriter<byte>(data.Length + 64);
        while (data.Length > 0)
        {
            int length = Math.Min(data.Length, ushort.MaxValue - LengthField - start.Length);
            int field = LengthField + start.Length + length;
            segments.Write([Marker, App1, (byte)(field >> 8), (byte)field]);
            segments.Write(start);
            segments.Write(data[..length]);
            data = data[length..];
        }

        return segments.WrittenSpan.ToArray();
    }
}
