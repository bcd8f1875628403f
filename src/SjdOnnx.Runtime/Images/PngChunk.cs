using System.Buffers.Binary;
using System.Text;

namespace SjdOnnx.Runtime.Images;

/// <summary>One chunk of a PNG file that is being read. Its checksum is computed meanwhile and verified at its end.</summary>
internal sealed class PngChunk
{
    public const int LengthAndType = 8;
    public const int ChecksumLength = 4;

    private readonly ForwardReader _reader;
    private readonly long _position;
    private Crc32 _checksum = new();
    private int _left;

    /// <summary>Reads a chunk's length and type.</summary>
    /// <exception cref="ImageFormatException">No chunk starts here.</exception>
    public PngChunk(ForwardReader reader)
    {
        (_reader, _position) = (reader, reader.Position);
        Span<byte> start = stackalloc byte[LengthAndType];
        reader.Read(start);
        uint length = BinaryPrimitives.ReadUInt32BigEndian(start);
        Type = Encoding.Latin1.GetString(start[4..]);
        if (!Type.All(char.IsAsciiLetter) || length > int.MaxValue)
            throw new ImageFormatException($"The PNG is damaged: no chunk starts at byte {_position}.");
        _checksum.Add(start[4..]);
        Length = _left = (int)length;
    }

    /// <summary>Four ASCII letters, such as <c>IHDR</c>.</summary>
    public string Type { get; }

    /// <summary>Length of the data in bytes, as the chunk states it.</summary>
    public int Length { get; }

    /// <summary>Returns the bytes of one chunk: length, type, data, checksum.</summary>
    /// <param name="type">Four ASCII letters.</param>
    public static byte[] Write(string type, ReadOnlySpan<byte> data)
    {
        var bytes = new byte[LengthAndType + data.Length + ChecksumLength];
        BinaryPrimitives.WriteInt32BigEndian(bytes, data.Length);
        Encoding.ASCII.GetBytes(type, bytes.AsSpan(4));
        data.CopyTo(bytes.AsSpan(LengthAndType));
        var checksum = new Crc32();
        checksum.Add(bytes.AsSpan(4..^ChecksumLength));
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(^ChecksumLength..), checksum.Value);
        return bytes;
    }

    /// <summary>Reads the next bytes of the data, or fewer if there are fewer.</summary>
    public byte[] Read(int count)
    {
        byte[] bytes = _reader.Read(Math.Min(count, _left));
        _checksum.Add(bytes);
        _left -= bytes.Length;
        return bytes;
    }

    /// <summary>Skips the rest of the data and verifies the checksum.</summary>
    /// <exception cref="ImageFormatException">The checksum is wrong.</exception>
    public void End()
    {
        while (_left > 0)
        {
            ReadOnlySpan<byte> next = _reader.Next(_left);
            _checksum.Add(next);
            _left -= next.Length;
            _reader.Advance(next.Length);
        }

        Span<byte> written = stackalloc byte[ChecksumLength];
        _reader.Read(written);
        if (BinaryPrimitives.ReadUInt32BigEndian(written) != _checksum.Value)
            throw new ImageFormatException($"The PNG is damaged: the checksum of chunk {Type} at byte {_position} is wrong.");
    }
}
