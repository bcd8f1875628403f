using System.IO.Compression;
using System.Text;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Runtime.Tests.Images;

public class PngFileTests
{
    [Theory]
    [InlineData("a fox\nSteps: 70", "tEXt")]
    [InlineData("café, naïve: £5", "tEXt")]
    [InlineData("", "tEXt")]
    [InlineData("a 🦊 above a 🚀", "iTXt")]
    [InlineData("ثعلب فوق صاروخ", "iTXt")]
    [InlineData("a\tfox \u001b[31m", "iTXt")]
    public void A_text_is_written_to_the_simplest_chunk_that_can_hold_it_and_read_again(string text, string chunk)
    {
        byte[] png = PngFile.Insert(TestImages.Png, text, "{}");

        Assert.Equal((text, "{}"), (TestImages.Read(png).Parameters, TestImages.Read(png).GenerationJson));
        Assert.Equal(["IHDR", chunk, "tEXt", "IDAT", "IEND"], Chunks(png));
    }

    [Fact]
    public void Inserting_generation_data_keeps_the_other_chunks()
    {
        byte[] png = PngFile.Insert(TestImages.Png, "a fox", "{}");

        Assert.Equal(TestImages.Png[..33], png[..33]);
        Assert.Equal(TestImages.Png[33..], png[^(TestImages.Png.Length - 33)..]);
    }

    [Fact]
    public void Compressed_texts_of_other_programs_are_read()
    {
        byte[] zText = [.. "parameters\0\0"u8, .. Compress("caf\u00e9", Encoding.Latin1)];
        byte[] iText = [.. "sjdonnx\0\u0001\0en\0K\0"u8, .. Compress("🦊", Encoding.UTF8)];

        Assert.Equal("café", TestImages.Read(With("zTXt", zText)).Parameters);
        Assert.Equal("🦊", TestImages.Read(With("iTXt", iText)).GenerationJson);
    }

    [Fact]
    public void The_first_of_two_texts_of_a_keyword_counts()
    {
        byte[] png = PngFile.Insert(PngFile.Insert(TestImages.Png, "second", "{}"), "first", "{}");

        Assert.Equal("first", TestImages.Read(png).Parameters);
    }

    [Fact]
    public void A_compressed_text_of_more_than_16_MiB_is_refused()
    {
        byte[] bomb = [.. "parameters\0\0"u8, .. Compress(new string('0', 17 * 1024 * 1024), Encoding.Latin1)];

        TestImages.AssertRefused(With("zTXt", bomb), "more than 16 MiB");
    }

    /// <summary>A text chunk of 300 MB is skipped if its keyword is not ours, and refused if it is.</summary>
    [Theory]
    [InlineData("tEXt", "Comment", null)]
    [InlineData("iTXt", "Comment", null)]
    [InlineData("tEXt", "parameters", "more than 16 MiB")]
    [InlineData("zTXt", "sjdonnx", "more than 16 MiB")]
    public void A_text_chunk_of_300_MB_is_never_kept_in_memory(string type, string keyword, string? because)
    {
        const int Length = 300_000_000;
        byte[] start = [.. Encoding.ASCII.GetBytes($"{type}{keyword}"), 0];
        int zeros = Length - keyword.Length - 1;
        var checksum = new Crc32();
        checksum.Add(start);
        checksum.Add(new byte[zeros]);
        uint crc = checksum.Value;
        using var png = new HugeStream(
            [.. TestImages.Png[..33], Length >> 24, (Length >> 16) & 0xFF, (Length >> 8) & 0xFF, Length & 0xFF, .. start],
            zeros,
            [(byte)(crc >> 24), (byte)(crc >> 16), (byte)(crc >> 8), (byte)crc, .. TestImages.Png[33..]]);

        long before = GC.GetAllocatedBytesForCurrentThread();
        ImageFormatException? error = Record.Exception(() => ImageFileInfo.Read(png)) as ImageFormatException;
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.InRange(allocated, 0, 1_000_000);
        Assert.Equal(because is null, error is null);
        Assert.Contains(because ?? "", error?.Message ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public void A_text_chunk_that_claims_more_than_the_file_has_is_refused_without_allocating_it()
    {
        byte[] png = [.. TestImages.Png[..33], 0, 0xFF, 0, 0, .. "tEXtparameters\0a fox"u8];

        long before = GC.GetAllocatedBytesForCurrentThread();
        TestImages.AssertRefused(png, "cut short");

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void Every_flipped_bit_of_a_PNG_is_noticed()
    {
        byte[] png = PngFile.Insert(TestImages.Png, "a fox", "{}");
        for (int bit = 0; bit < png.Length * 8; bit++)
        {
            var damaged = (byte[])png.Clone();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<ImageFormatException>(() => TestImages.Read(damaged));
        }
    }

    [Theory]
    [InlineData("tEXt", "no end of the keyword")]
    [InlineData("zTXt", "parameters\0")]
    [InlineData("iTXt", "parameters\0\0\0no end of the language")]
    [InlineData("zTXt", "parameters\0\0this is not compressed")]
    public void A_text_chunk_without_its_fields_is_refused_as_damaged(string type, string data) =>
        TestImages.AssertRefused(With(type, Encoding.Latin1.GetBytes(data)), "damaged");

    private static byte[] With(string type, byte[] data) =>
        [.. TestImages.Png[..33], .. PngChunk.Write(type, data), .. TestImages.Png[33..]];

    private static List<string> Chunks(byte[] png)
    {
        var reader = new ForwardReader(new MemoryStream(png), png.Length);
        reader.Skip(PngFile.Signature.Length);
        var types = new List<string>();
        while (reader.Position < png.Length)
        {
            var chunk = new PngChunk(reader);
            types.Add(chunk.Type);
            chunk.End();
        }

        return types;
    }

    private static byte[] Compress(string text, Encoding encoding)
    {
        using var bytes = new MemoryStream();
        using (var zlib = new ZLibStream(bytes, CompressionLevel.Fastest))
            zlib.Write(encoding.GetBytes(text));
        return bytes.ToArray();
    }
}
