using System.Buffers.Binary;
using System.Text;

namespace SjdOnnx.Runtime.Images;

/// <summary>Writes and reads the chunks EXIF and XMP of a WebP file (RFC 9649, section 2.7).</summary>
internal static class WebPFile
{
    /// <summary>Bytes before the first chunk: RIFF, the length of everything that follows, WEBP.</summary>
    public const int HeaderLength = 12;

    private const int TypeAndLength = 8;
    private const int ExtendedLength = 10;
    private const byte HasXmp = 0x04;
    private const byte HasExif = 0x08;

    public static bool HasSignature(ReadOnlySpan<byte> bytes) =>
        bytes.Length >= HeaderLength && bytes.StartsWith("RIFF"u8) && bytes[8..].StartsWith("WEBP"u8);

    /// <summary>Returns the same image in the extended format, the only one that may hold EXIF and XMP.</summary>
    /// <param name="webp">A complete WebP file of one chunk, without an alpha channel.</param>
    public static byte[] Insert(ReadOnlySpan<byte> webp, int width, int height, string parameters, string json)
    {
        Span<byte> extended = stackalloc byte[ExtendedLength];
        extended[0] = HasExif | HasXmp;
        WriteUInt24(extended[4..], width - 1);
        WriteUInt24(extended[7..], height - 1);
        byte[] file =
        [
            .. webp[..HeaderLength], .. Chunk("VP8X", extended), .. webp[HeaderLength..],
            .. Chunk("EXIF", Exif.Write(parameters)), .. Chunk("XMP ", Xmp.Write(json)),
        ];
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(4), file.Length - TypeAndLength);
        return file;
    }

    /// <summary>Reads a WebP file to its end, and keeps only EXIF and XMP.</summary>
    /// <param name="reader">Positioned at the signature.</param>
    /// <exception cref="ImageFormatException">The WebP is damaged, or has too much EXIF and XMP.</exception>
    /// <exception cref="EndOfStreamException">The WebP is cut short.</exception>
    public static ImageFileInfo Read(ForwardReader reader)
    {
        long end = TypeAndLength + (long)ReadUInt32(reader, skip: 4);
        reader.Skip(4); // WEBP
        (int Width, int Height)? size = null;
        bool hasPicture = false;
        byte[]? exif = null;
        byte[]? xmp = null;
        while (reader.Position < end)
        {
            long position = reader.Position;
            string type = Encoding.Latin1.GetString(reader.Read(4));
            long length = ReadUInt32(reader, skip: 0);
            if (length > end - reader.Position)
                throw new ImageFormatException($"The WebP is damaged: the chunk at byte {position} is longer than the file says it is.");
            long next = Math.Min(end, reader.Position + length + (length & 1));
            switch (type)
            {
                case "EXIF":
                    exif ??= ReadKept(reader, length, already: xmp);
                    break;
                case "XMP ":
                    xmp ??= ReadKept(reader, length, already: exif);
                    break;
                case "VP8X" or "VP8 " or "VP8L":
                    size ??= Size(type, reader.Read((int)Math.Min(length, ExtendedLength)));
                    break;
            }

            hasPicture |= type is "VP8 " or "VP8L" or "ANMF";
            reader.Skip(next - reader.Position);
        }

        return size is (int width, int height) && hasPicture
            ? ImageFileInfo.Of(ImageFormat.WebP, width, height, exif, xmp)
            : throw new ImageFormatException("The WebP is damaged: it has no image.");
    }

    private static byte[] ReadKept(ForwardReader reader, long length, byte[]? already)
    {
        KeptText.CheckLength(length + (already?.Length ?? 0));
        return reader.Read((int)length);
    }

    /// <param name="data">The first bytes of a chunk that holds the size of the image.</param>
    private static (int Width, int Height) Size(string type, ReadOnlySpan<byte> data) => type switch
    {
        "VP8X" when data.Length == ExtendedLength => (1 + ReadUInt24(data[4..]), 1 + ReadUInt24(data[7..])),
        // A frame tag, a start code, and 14 bits for each side.
        "VP8 " when data.Length == ExtendedLength =>
            (BinaryPrimitives.ReadUInt16LittleEndian(data[6..]) & 0x3FFF, BinaryPrimitives.ReadUInt16LittleEndian(data[8..]) & 0x3FFF),
        // A signature, and 14 bits for each side, minus one.
        "VP8L" when data.Length >= 5 && BinaryPrimitives.ReadUInt32LittleEndian(data[1..]) is uint bits =>
            (1 + (int)(bits & 0x3FFF), 1 + (int)((bits >> 14) & 0x3FFF)),
        _ => throw new ImageFormatException($"The WebP is damaged: its chunk {type} is too short."),
    };

    private static byte[] Chunk(string type, ReadOnlySpan<byte> data)
    {
        var bytes = new byte[TypeAndLength + data.Length + (data.Length & 1)];
        Encoding.ASCII.GetBytes(type, bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), data.Length);
        data.CopyTo(bytes.AsSpan(TypeAndLength));
        return bytes;
    }

    private static uint ReadUInt32(ForwardReader reader, int skip)
    {
        reader.Skip(skip);
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        reader.Read(bytes);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    private static int ReadUInt24(ReadOnlySpan<byte> bytes) => bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);

    private static void WriteUInt24(Span<byte> bytes, int value) =>
        (bytes[0], bytes[1], bytes[2]) = ((byte)value, (byte)(value >> 8), (byte)(value >> 16));
}
