using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace SjdOnnx.Runtime.Png;

/// <summary>A text that a PNG carries under a keyword: a chunk tEXt, zTXt or iTXt (PNG specification, sections 11.3.3.2 to 4).</summary>
/// <param name="Keyword">1 to 79 printable Latin-1 characters, such as <c>parameters</c>.</param>
public sealed record PngText(string Keyword, string Text)
{
    /// <summary>A compressed text may unfold to this many bytes and no more: 1 kB of zeros should not cost 1 GB to look at.</summary>
    private const int LongestUnfolded = 16 * 1024 * 1024;

    /// <summary>What tEXt may hold: the printable part of Latin-1 and line feeds.</summary>
    private static readonly SearchValues<char> Latin1 = SearchValues.Create(
        [(char)10, .. Enumerable.Range(0x20, 0x5F).Select(c => (char)c), .. Enumerable.Range(0xA0, 0x60).Select(c => (char)c)]);

    /// <summary>The same picture with texts inserted after IHDR, where readers find them before any pixel: tEXt where Latin-1 can hold
    /// the text, iTXt (UTF-8) otherwise. Pixels and all other chunks keep their bytes.</summary>
    /// <exception cref="PngFormatException"><paramref name="png"/> is no whole PNG.</exception>
    /// <exception cref="ArgumentException">A keyword that PNG does not allow.</exception>
    public static byte[] Insert(ReadOnlySpan<byte> png, params IEnumerable<PngText> texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        int afterHeader = PngChunk.ReadAll(png)[0].End;
        var written = new ArrayBufferWriter<byte>(png.Length + 1024);
        written.Write(png[..afterHeader]);
        foreach (PngText text in texts)
            written.Write(text.ToChunk());
        written.Write(png[afterHeader..]);
        return written.WrittenSpan.ToArray();
    }

    /// <summary>All texts of a PNG in the file's order.</summary>
    /// <exception cref="PngFormatException"><paramref name="png"/> is no whole, undamaged PNG.</exception>
    public static IReadOnlyList<PngText> ReadAll(ReadOnlySpan<byte> png)
    {
        var texts = new List<PngText>();
        foreach (PngChunk chunk in PngChunk.ReadAll(png))
        {
            if (chunk.Type is "tEXt" or "zTXt" or "iTXt")
                texts.Add(FromChunk(chunk.Type, chunk.Data(png)));
        }

        return texts;
    }

    /// <summary>Width and height in pixels, from the header.</summary>
    /// <exception cref="PngFormatException"><paramref name="png"/> is no whole, undamaged PNG.</exception>
    public static (int Width, int Height) ReadSize(ReadOnlySpan<byte> png)
    {
        ReadOnlySpan<byte> header = PngChunk.ReadAll(png)[0].Data(png);
        return (BinaryPrimitives.ReadInt32BigEndian(header), BinaryPrimitives.ReadInt32BigEndian(header[4..]));
    }

    private byte[] ToChunk()
    {
        if (Keyword.Length is 0 or > 79 || Keyword.AsSpan().ContainsAnyExcept(Latin1) || Keyword.Contains('\n', StringComparison.Ordinal))
            throw new ArgumentException($"The keyword '{Keyword}' must have 1 to 79 printable Latin-1 characters.");

        // PNG separates lines by line feeds and ends fields at a zero byte, so neither may stand in the text as something else.
        string text = Text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n').Replace('\0', '\uFFFD');
        byte[] keyword = Encoding.Latin1.GetBytes(Keyword);
        return text.AsSpan().ContainsAnyExcept(Latin1)
            // After the keyword: not compressed, compression method 0, no language, no translated keyword.
            ? PngChunk.Write("iTXt", [.. keyword, 0, 0, 0, 0, 0, .. Encoding.UTF8.GetBytes(text)])
            : PngChunk.Write("tEXt", [.. keyword, 0, .. Encoding.Latin1.GetBytes(text)]);
    }

    private static PngText FromChunk(string type, ReadOnlySpan<byte> data)
    {
        string keyword = Encoding.Latin1.GetString(TakeField(ref data, type));
        switch (type)
        {
            case "tEXt":
                return new PngText(keyword, Encoding.Latin1.GetString(data));
            case "zTXt" when data.Length > 0:
                return new PngText(keyword, Encoding.Latin1.GetString(Unfold(data[1..], type)));
            case "iTXt" when data.Length > 1:
                bool compressed = data[0] != 0;
                data = data[2..];
                _ = TakeField(ref data, type); // language
                _ = TakeField(ref data, type); // translated keyword
                return new PngText(keyword, Encoding.UTF8.GetString(compressed ? Unfold(data, type) : data));
            default:
                throw Damaged(type);
        }
    }

    /// <summary>The bytes up to the next zero byte; leaves what follows it.</summary>
    private static ReadOnlySpan<byte> TakeField(ref ReadOnlySpan<byte> data, string type)
    {
        int end = data.IndexOf((byte)0);
        if (end < 0)
            throw Damaged(type);
        ReadOnlySpan<byte> field = data[..end];
        data = data[(end + 1)..];
        return field;
    }

    private static byte[] Unfold(ReadOnlySpan<byte> compressed, string type)
    {
        try
        {
            using var zlib = new ZLibStream(new MemoryStream(compressed.ToArray()), CompressionMode.Decompress);
            using var text = new MemoryStream();
            var buffer = new byte[16 * 1024];
            for (int read; (read = zlib.Read(buffer)) > 0;)
            {
                if (text.Length + read > LongestUnfolded)
                    throw new PngFormatException($"A compressed {type} chunk unfolds to more than {LongestUnfolded >> 20} MB.");
                text.Write(buffer, 0, read);
            }

            return text.ToArray();
        }
        catch (InvalidDataException error)
        {
            throw new PngFormatException($"The PNG is damaged: the compressed text of a {type} chunk cannot be unfolded.", error);
        }
    }

    private static PngFormatException Damaged(string type) => new($"The PNG is damaged: a {type} chunk lacks a field.");
}
