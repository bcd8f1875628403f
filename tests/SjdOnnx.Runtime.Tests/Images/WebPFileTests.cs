using System.Buffers.Binary;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Runtime.Tests.Images;

public class WebPFileTests
{
    [Fact]
    public void Generation_data_are_inserted_behind_the_image_of_a_WebP_and_other_bytes_stay()
    {
        byte[] webp = WebPFile.Insert(TestImages.WebP, 3, 2, "a fox\nSteps: 1", "{}");

        Assert.Equal(webp.Length, 8 + BinaryPrimitives.ReadInt32LittleEndian(webp.AsSpan(4)));
        Assert.Equal("VP8X"u8, webp.AsSpan(12, 4));
        Assert.Equal(TestImages.WebP[12..], webp[30..(30 + TestImages.WebP.Length - 12)]);
        Assert.Equal(new ImageFileInfo(ImageFormat.WebP, 3, 2, "a fox\nSteps: 1", "{}"), TestImages.Read(webp));
    }

    [Fact]
    public void A_WebP_with_a_wrong_structure_is_refused_as_damaged()
    {
        byte[] webp = TestImages.WebP;
        TestImages.AssertRefused(Chunks(), "damaged: it has no ");
        TestImages.AssertRefused(Chunks([.. "VP8 "u8, 0xFF, 0xFF, 0xFF, 0x7F, .. webp[20..]]), "longer than the file says it is");
        TestImages.AssertRefused(Chunks([.. "VP8L"u8, 1, 0, 0, 0, 0x2F, 0]), "its chunk VP8L is too short");
        TestImages.AssertRefused([.. webp[..4], 0xFF, 0xFF, 0xFF, 0xFF, .. webp[8..]], "cut short");
    }

    [Fact]
    public void A_WebP_chunk_of_300_MB_is_never_kept_in_memory()
    {
        const int Length = 300_000_000;
        byte[] webp = [.. TestImages.WebP];
        BinaryPrimitives.WriteInt32LittleEndian(webp.AsSpan(4), webp.Length + Length);

        AssertCheap("XMP "u8, "more than 16 MiB");
        AssertCheap("ICCP"u8, because: null);

        void AssertCheap(ReadOnlySpan<byte> type, string? because)
        {
            byte[] length = new byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(length, Length);
            using var huge = new HugeStream([.. webp, .. type, .. length], Length, []);
            long before = GC.GetAllocatedBytesForCurrentThread();
            Exception? error = Record.Exception(() => ImageFileInfo.Read(huge));
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
            Assert.Contains(because ?? "", error?.Message ?? "", StringComparison.Ordinal);
            Assert.Equal(because is null, error is null);
        }
    }

    private static byte[] Chunks(params byte[] chunks)
    {
        byte[] file = [.. "RIFF\0\0\0\0WEBP"u8, .. chunks];
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(4), file.Length - 8);
        return file;
    }
}
