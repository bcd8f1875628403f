using System.Buffers.Binary;
using System.Text;

namespace SjdOnnx.Runtime.Images;

/// <summary>The one field of EXIF that we write and read: UserComment, where web UIs put their parameters in JPEG and WebP files.</summary>
internal static class Exif
{
    private const ushort ExifIfd = 0x8769;
    private const ushort UserComment = 0x9286;
    private const ushort TypeLong = 4;
    private const ushort TypeUndefined = 7;
    private const int EntryLength = 12;

    private static ReadOnlySpan<byte> Ascii => "ASCII\0\0\0"u8;

    private static ReadOnlySpan<byte> Unicode => "UNICODE\0"u8;

    /// <summary>A TIFF structure of two directories with one entry each.</summary>
    /// <remarks>
    /// EXIF does not say in which byte order UserComment's UTF-16 is. Readers of web UIs' pictures take it as big-endian, others as the
    /// file's own, so both are big-endian here.
    /// </remarks>
    public static byte[] Write(string comment)
    {
        byte[] text = [.. Unicode, .. Encoding.BigEndianUnicode.GetBytes(comment)];
        var bytes = new byte[44 + text.Length];
        "MM\0*"u8.CopyTo(bytes);
        WriteUInt32(4, 8); // where the first directory is
        WriteDirectory(8, ExifIfd, TypeLong, 1, 26);
        WriteDirectory(26, UserComment, TypeUndefined, text.Length, 44);
        text.CopyTo(bytes, 44);
        return bytes;

        // A count, entries, and 0 for no further directory.
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

    /// <returns>UserComment; null where there is none, or in an encoding that is not known.</returns>
    /// <exception cref="ImageFormatException">A field points out of the data.</exception>
    public static string? ReadComment(ReadOnlySpan<byte> exif)
    {
        if (exif.StartsWith("Exif\0\0"u8)) // belongs into JPEG; some programs write it into WebP, too
            exif = exif[6..];
        bool bigEndian = exif.StartsWith("MM"u8);
        if (!bigEndian && !exif.StartsWith("II"u8))
            throw Damaged();
        if (Find(exif, ExifIfd, UInt32(exif, 4, bigEndian), bigEndian) is not long pointer
            || Find(exif, UserComment, UInt32(exif, pointer + 8, bigEndian), bigEndian) is not long entry)
        {
            return null;
        }

        // A value of four bytes or fewer stands in the entry itself: too short for a comment.
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

    /// <returns>Where the entry of a tag is; null where the directory has none.</returns>
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
