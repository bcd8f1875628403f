using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace SjdOnnx.Runtime.Png;

/// <summary>One chunk of a PNG file: where its data lies in the file, in bytes.</summary>
/// <param name="Type">Four ASCII letters, such as <c>IHDR</c>.</param>
internal readonly record struct PngChunk(string Type, int DataStart, int DataLength)
{
    private const int LengthAndType = 8;
    private const int Checksum = 4;

    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>First byte after the chunk, checksum included.</summary>
    public int End => DataStart + DataLength + Checksum;

    public ReadOnlySpan<byte> Data(ReadOnlySpan<byte> png) => png.Slice(DataStart, DataLength);

    public static bool HasSignature(ReadOnlySpan<byte> bytes) => bytes.StartsWith(Signature);

    /// <summary>All chunks up to and including IEND, each with its length and checksum verified; what follows is not looked at.</summary>
    /// <exception cref="PngFormatException">No PNG, a PNG that was cut short, or one with a wrong checksum.</exception>
    public static IReadOnlyList<PngChunk> ReadAll(ReadOnlySpan<byte> png)
    {
        if (!HasSignature(png))
            throw new PngFormatException("It is no PNG: it does not start with the eight bytes of the PNG signature.");

        var chunks = new List<PngChunk>();
        int position = Signature.Length;
        do
        {
            PngChunk chunk = ReadOne(png, position);
            if (chunks.Count == 0 && (chunk.Type != "IHDR" || chunk.DataLength != 13))
                throw new PngFormatException("The PNG is damaged: its first chunk is no IHDR of 13 bytes.");
            chunks.Add(chunk);
            position = chunk.End;
        }
        while (chunks[^1].Type != "IEND");

        return chunks;
    }

    /// <summary>The bytes of one chunk: length, type, data, checksum.</summary>
    /// <param name="type">Four ASCII letters.</param>
    public static byte[] Write(string type, ReadOnlySpan<byte> data)
    {
        var bytes = new byte[LengthAndType + data.Length + Checksum];
        BinaryPrimitives.WriteInt32BigEndian(bytes, data.Length);
        Encoding.ASCII.GetBytes(type, bytes.AsSpan(4));
        data.CopyTo(bytes.AsSpan(LengthAndType));
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(^Checksum..), Crc32.Compute(bytes.AsSpan(4..^Checksum)));
        return bytes;
    }

    private static PngChunk ReadOne(ReadOnlySpan<byte> png, int position)
    {
        ReadOnlySpan<byte> rest = png[position..];
        if (rest.Length < LengthAndType + Checksum)
            throw new PngFormatException($"The PNG is cut short: it ends at byte {png.Length}, before its last chunk, IEND.");

        string type = Encoding.Latin1.GetString(rest.Slice(4, 4));
        if (!type.All(char.IsAsciiLetter))
            throw new PngFormatException($"The PNG is damaged: no chunk starts at byte {position}.");

        uint length = BinaryPrimitives.ReadUInt32BigEndian(rest);
        if (length > (uint)(rest.Length - LengthAndType - Checksum))
            throw new PngFormatException(string.Create(CultureInfo.InvariantCulture,
                $"The PNG is cut short: chunk {type} at byte {position} should hold {length} bytes, the file ends at byte {png.Length}."));

        var chunk = new PngChunk(type, position + LengthAndType, (int)length);
        uint written = BinaryPrimitives.ReadUInt32BigEndian(png[(chunk.End - Checksum)..]);
        return written == Crc32.Compute(png[(position + 4)..(chunk.End - Checksum)])
            ? chunk
            : throw new PngFormatException($"The PNG is damaged: the checksum of chunk {type} at byte {position} is wrong.");
    }
}
