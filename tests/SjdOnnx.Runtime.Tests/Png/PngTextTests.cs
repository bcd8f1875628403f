using System.IO.Compression;
using System.Text;
using SjdOnnx.Runtime.Png;

namespace SjdOnnx.Runtime.Tests.Png;

public class PngTextTests
{
    [Theory]
    [InlineData("a fox\nSteps: 70", "tEXt")]
    [InlineData("café, naïve: £5", "tEXt")]
    [InlineData("", "tEXt")]
    [InlineData("a 🦊 above a 🚀", "iTXt")]
    [InlineData("ثعلب فوق صاروخ", "iTXt")]
    [InlineData("a\tfox \u001b[31m", "iTXt")]
    public void A_text_comes_back_from_the_chunk_that_can_hold_it(string text, string chunk)
    {
        byte[] png = PngText.Insert(TestPng.OnePixel, new PngText("parameters", text));

        Assert.Equal([new PngText("parameters", text)], PngText.ReadAll(png));
        Assert.Equal(["IHDR", chunk, "IDAT", "IEND"], PngChunk.ReadAll(png).Select(c => c.Type));
    }

    [Fact]
    public void Line_ends_become_line_feeds_and_a_zero_byte_becomes_the_replacement_character() =>
        Assert.Equal("a\nb\nc\uFFFD", RoundTrip("a\r\nb\rc\0"));

    [Fact]
    public void Half_a_surrogate_pair_becomes_the_replacement_character() =>
        Assert.Equal("a\uFFFD", RoundTrip("a\uD83E"));

    [Fact]
    public void Other_chunks_keep_their_bytes()
    {
        byte[] png = PngText.Insert(TestPng.OnePixel, new PngText("parameters", "a fox"));

        int header = PngChunk.ReadAll(TestPng.OnePixel)[0].End;
        Assert.Equal(TestPng.OnePixel[..header], png[..header]);
        Assert.Equal(TestPng.OnePixel[header..], png[^(TestPng.OnePixel.Length - header)..]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("two\nlines")]
    [InlineData("ключ")]
    public void A_keyword_that_PNG_does_not_allow_is_refused(string keyword) =>
        Assert.Throws<ArgumentException>(() => PngText.Insert(TestPng.OnePixel, new PngText(keyword, "text")));

    [Fact]
    public void Compressed_texts_of_other_programs_are_read()
    {
        byte[] zText = [.. "k\0\0"u8, .. Compress("caf\u00e9", Encoding.Latin1)];
        byte[] iText = [.. "k\0\u0001\0en\0K\0"u8, .. Compress("🦊", Encoding.UTF8)];

        Assert.Equal(new PngText("k", "café"), Assert.Single(PngText.ReadAll(TestPng.With("zTXt", zText))));
        Assert.Equal(new PngText("k", "🦊"), Assert.Single(PngText.ReadAll(TestPng.With("iTXt", iText))));
    }

    [Fact]
    public void A_text_that_unfolds_to_too_much_is_refused()
    {
        byte[] bomb = [.. "k\0\0"u8, .. Compress(new string('0', 17 * 1024 * 1024), Encoding.Latin1)];

        AssertRefused(TestPng.With("zTXt", bomb), "more than 16 MB");
    }

    [Fact]
    public void Every_truncation_is_noticed()
    {
        byte[] png = PngText.Insert(TestPng.OnePixel, new PngText("parameters", "a fox"));
        for (int length = 0; length < png.Length; length++)
            Assert.Throws<PngFormatException>(() => PngText.ReadAll(png.AsSpan(0, length)));

        AssertRefused(png[..^1], "cut short");
        AssertRefused(png[..60], "cut short");
    }

    [Fact]
    public void Every_flipped_bit_is_noticed()
    {
        byte[] png = PngText.Insert(TestPng.OnePixel, new PngText("parameters", "a fox"));
        for (int bit = 0; bit < png.Length * 8; bit++)
        {
            var damaged = (byte[])png.Clone();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<PngFormatException>(() => PngText.ReadAll(damaged));
        }
    }

    [Fact]
    public void What_is_no_PNG_is_called_so()
    {
        AssertRefused([], "no PNG");
        AssertRefused([0xFF, 0xD8, 0xFF, 0xE0, 0, 0, 0, 0, 0, 0, 0, 0], "no PNG");
    }

    [Theory]
    [InlineData("tEXt", "no end of the keyword")]
    [InlineData("zTXt", "k\0")]
    [InlineData("iTXt", "k\0\0\0no end of the language")]
    [InlineData("zTXt", "k\0\0this is not compressed")]
    public void A_text_chunk_without_its_fields_is_called_damaged(string type, string data) =>
        AssertRefused(TestPng.With(type, Encoding.Latin1.GetBytes(data)), "damaged");

    private static string RoundTrip(string text) =>
        Assert.Single(PngText.ReadAll(PngText.Insert(TestPng.OnePixel, new PngText("k", text)))).Text;

    private static void AssertRefused(byte[] png, string because) =>
        Assert.Contains(because, Assert.Throws<PngFormatException>(() => PngText.ReadAll(png)).Message, StringComparison.Ordinal);

    private static byte[] Compress(string text, Encoding encoding)
    {
        using var bytes = new MemoryStream();
        using (var zlib = new ZLibStream(bytes, CompressionLevel.Fastest))
            zlib.Write(encoding.GetBytes(text));
        return bytes.ToArray();
    }
}
