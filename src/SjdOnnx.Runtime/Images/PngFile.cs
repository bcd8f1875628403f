using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace SjdOnnx.Runtime.Images;

/// <summary>
/// Writes and reads the texts of a PNG file: the chunks tEXt, zTXt and iTXt, each with a keyword (PNG specification, 11.3.3.2 to 4).
/// </summary>
internal static class PngFile
{
    private const int HeaderLength = 13;
    private const int MaxKeyword = 79;

    /// <summary>The characters that tEXt may hold: the printable part of Latin-1 and line feeds.</summary>
    private static readonly SearchValues<char> Latin1 = SearchValues.Create(
        [(char)10, .. Enumerable.Range(0x20, 0x5F).Select(c => (char)c), .. Enumerable.Range(0xA0, 0x60).Select(c => (char)c)]);

    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Returns the same image with the texts directly after its header, where readers find them before any pixel.</summary>
    /// <param name="png">A complete PNG file.</param>
    public static byte[] Insert(ReadOnlySpan<byte> png, string parameters, string json)
    {
        int afterHeader = Signature.Length + PngChunk.LengthAndType + HeaderLength + PngChunk.ChecksumLength;
        return
        [
            .. png[..afterHeader],
            .. TextChunk(ParametersText.Keyword, parameters), .. TextChunk(GenerationData.Keyword, json),
            .. png[afterHeader..],
        ];
    }

    /// <summary>
    /// Reads a PNG file to its end, and verifies the length and checksum of each chunk. It keeps only the first text under each of our
    /// keywords.
    /// </summary>
    /// <param name="reader">Positioned at the signature.</param>
    /// <exception cref="ImageFormatException">The PNG is damaged, or one of the texts is too long.</exception>
    /// <exception cref="EndOfStreamException">The PNG is cut short.</exception>
    public static ImageFileInfo Read(ForwardReader reader)
    {
        reader.Advance(Signature.Length);
        var header = new PngChunk(reader);
        if (header is not { Type: "IHDR", Length: HeaderLength })
            throw new ImageFormatException("The PNG is damaged: its first chunk is no IHDR of 13 bytes.");
        byte[] size = header.Read(HeaderLength);
        header.End();

        string? parameters = null;
        string? json = null;
        PngChunk chunk;
        do
        {
            chunk = new PngChunk(reader);
            if (chunk.Type is "tEXt" or "zTXt" or "iTXt")
            {
                byte[] start = chunk.Read(MaxKeyword + 1);
                string keyword = Encoding.Latin1.GetString(FieldOf(start, chunk));
                if (keyword == ParametersText.Keyword)
                    parameters ??= Text(chunk, start);
                else if (keyword == GenerationData.Keyword)
                    json ??= Text(chunk, start);
            }

            chunk.End();
        }
        while (chunk.Type != "IEND");

        (int width, int height) = (BinaryPrimitives.ReadInt32BigEndian(size), BinaryPrimitives.ReadInt32BigEndian(size.AsSpan(4)));
        return new ImageFileInfo(ImageFormat.Png, width, height, parameters, json);
    }

    /// <summary>Returns a tEXt chunk if Latin-1 can hold the text, otherwise an iTXt chunk (UTF-8).</summary>
    private static byte[] TextChunk(string keyword, string text)
    {
        byte[] name = Encoding.Latin1.GetBytes(keyword);
        return text.AsSpan().ContainsAnyExcept(Latin1)
            // After the keyword: not compressed, compression method 0, no language, no translated keyword.
            ? PngChunk.Write("iTXt", [.. name, 0, 0, 0, 0, 0, .. Encoding.UTF8.GetBytes(text)])
            : PngChunk.Write("tEXt", [.. name, 0, .. Encoding.Latin1.GetBytes(text)]);
    }

    /// <param name="start">The chunk's first bytes.</param>
    private static string Text(PngChunk chunk, byte[] start)
    {
        KeptText.CheckLength(chunk.Length);
        ReadOnlySpan<byte> data = [.. start, .. chunk.Read(chunk.Length)];
        data = data[(FieldOf(data, chunk).Length + 1)..]; // keyword
        switch (chunk.Type)
        {
            case "tEXt":
                return Encoding.Latin1.GetString(data);
            case "zTXt" when data.Length > 0:
                return Encoding.Latin1.GetString(Unfold(data[1..], chunk));
            case "iTXt" when data.Length > 1:
                bool compressed = data[0] != 0;
                data = data[2..];
                data = data[(FieldOf(data, chunk).Length + 1)..]; // language
                data = data[(FieldOf(data, chunk).Length + 1)..]; // translated keyword
                return Encoding.UTF8.GetString(compressed ? Unfold(data, chunk) : data);
            default:
                throw LacksField(chunk);
        }
    }

    /// <summary>The bytes up to the next zero byte.</summary>
    private static ReadOnlySpan<byte> FieldOf(ReadOnlySpan<byte> data, PngChunk chunk) =>
        data.IndexOf((byte)0) is >= 0 and int end ? data[..end] : throw LacksField(chunk);

    private static byte[] Unfold(ReadOnlySpan<byte> compressed, PngChunk chunk)
    {
        try
        {
            using var zlib = new ZLibStream(new MemoryStream(compressed.ToArray()), CompressionMode.Decompress);
            using var text = new MemoryStream();
            var buffer = new byte[16 * 1024];
            for (int read; (read = zlib.Read(buffer)) > 0;)
            {
                KeptText.CheckLength(text.Length + read);
                text.Write(buffer, 0, read);
            }

            return text.ToArray();
        }
        catch (InvalidDataException error)
        {
            throw new ImageFormatException($"The PNG is damaged: the compressed text of a {chunk.Type} chunk cannot be unfolded.", error);
        }
    }

    private static ImageFormatException LacksField(PngChunk chunk) => new($"The PNG is damaged: a {chunk.Type} chunk lacks a field.");
}
