using System.Buffers.Binary;
using System.Text;

namespace SjdOnnx.Runtime.Images;

/// <summary>Writes and reads one field of EXIF, UserComment. Web UIs store their parameters there in JPEG and WebP files.</summary>
internal static class Exif
{
    private const ushort ExifIfd = 0x8769;
    private const ushort UserComment = 0x9286;
    private const ushort TypeLong = 4;
    private const ushort TypeUndefined = 7;
    private const int EntryLength = 12;

    private static ReadOnlySpan<byte> Ascii => "ASCII\0\0\0"u8;

    private static ReadOnlySpan<byte> Unicode => "UNICODE\0"u8;

    /// <summary>Returns a TIFF structure with two directories of one entry each.</summary>
    /// <remarks>
    /// EXIF does not specify the byte order of UTF-16 in UserComment. Web UIs assume big-endian, other readers the byte order of the file.
    /// So both are big-endian here.
    /// </remarks>
    public static byte[] Write(string comment)
    {
        byte[] text = [.. Unicode, .. Encoding.BigEndianUnicode.GetBytes(comment)];
        var bytes = new byte[44 + text.Length];
        "MM\0*"u8.CopyTo(bytes);
        WriteUInt32(4, 8); // offset of the first directory
        WriteDirectory(8, ExifIfd, TypeLong, 1, 26);
        WriteDirectory(26, UserComment, TypeUndefined, text.Length, 44);
        text.CopyTo(bytes, 44);
        return bytes;

        // A directory is a count, entries, and 0 if no other directory follows.
        void WriteDirectory(int at, ushort tag, ushort type, int count, int value)
        {
            WriteUInt16(at, 1);
            WriteUInt16(at + 2, tag);
            WriteUInt16(at + 4, type);
            WriteUInt32(at + 6, count);
            WriteUInt32(at + 10, value);
        }

        void WriteUInt16(int at, ushort value) => BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), value);

        void WriteUInt32(int at, int value) => BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(at), value);
    }

    /// <returns>The comment; null if there is none, or if its encoding is not known.</returns>
    /// <exception cref="ImageFormatException">A field points outside the data.</exception>
    public static string? ReadComment(ReadOnlySpan<byte> exif)
    {
        if (exif.StartsWith("Exif\0\0"u8)) // belongs in JPEG files, but some programs write it into WebP files too
            exif = exif[6..];
        bool bigEndian = exif.StartsWith("MM"u8);
        if (!bigEndian && !exif.StartsWith("II"u8))
            throw Damaged();
        if (Find(exif, ExifIfd, UInt32(exif, 4, bigEndian), bigEndian) is not long pointer
            || Find(exif, UserComment, UInt32(exif, pointer + 8, bigEndian), bigEndian) is not long entry)
        {
            return null;
        }

        // The entry itself holds values of up to four bytes. They are too short for a comment.
        uint length = UInt32(exif, entry + 4, bigEndian);
        if (length < Unicode.Length)
            return null;
        ReadOnlySpan<byte> comment = Slice(exif, UInt32(exif, entry + 8, bigEndian), length);
        Encoding? encoding =
            comment.StartsWith(Ascii) ? Encoding.UTF8 :
            !comment.StartsWith(Unicode) ? null :
            bigEndian ? Encoding.BigEndianUnicode : Encoding.Unicode;
        return encoding?.GetString(comment[Unicode.Length..]).TrimEnd('\0', ' ');
    }

    /// <returns>The offset of a tag's entry; null if the directory has none.</returns>
    private static long? Find(ReadOnlySpan<byte> exif, ushort tag, long directory, bool bigEndian)
    {
        ushort count = UInt16(exif, directory, bigEndian);
        for (int i = 0; i < count; i++)
        {
            long entry = directory + 2 + (i * EntryLength);
            if (UInt16(exif, entry, bigEndian) == tag)
                return entry;
        }

        return null;
    }

    private static ushort UInt16(ReadOnlySpan<byte> exif, long at, bool bigEndian)
    {
        ReadOnlySpan<byte> bytes = Slice(exif, at, sizeof(ushort));
        return bigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes);
    }

    private static uint UInt32(ReadOnlySpan<byte> exif, long at, bool bigEndian)
    {
        ReadOnlySpan<byte> bytes = Slice(exif, at, sizeof(uint));
        return bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    private static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> exif, long at, long length) =>
        at + length <= exif.Length ? exif.Slice((int)at, (int)length) : throw Damaged();

    private static ImageFormatException Damaged() => new("Its EXIF data are damaged: a field points out of them.");
}
