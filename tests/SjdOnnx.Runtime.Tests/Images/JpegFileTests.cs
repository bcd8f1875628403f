using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Runtime.Tests.Images;

public class JpegFileTests
{
    private static readonly byte[] App1Xmp = [0xFF, 0xE1, 0xFF, 0xFF, .. "http://ns.adobe.com/xap/1.0/\0"u8];

    [Fact]
    public void Generation_data_are_inserted_behind_the_JFIF_segment_and_other_bytes_stay()
    {
        byte[] jpeg = JpegFile.Insert(TestImages.Jpeg, "a fox\nSteps: 1", "{}");

        Assert.Equal(TestImages.Jpeg[..20], jpeg[..20]);
        Assert.Equal([0xFF, 0xE1], jpeg[20..22]);
        Assert.Equal("Exif\0\0MM\0*"u8, jpeg.AsSpan(24, 10));
        Assert.Equal(TestImages.Jpeg[20..], jpeg[^(TestImages.Jpeg.Length - 20)..]);
    }

    [Fact]
    public void A_JPEG_with_a_wrong_structure_is_refused_as_damaged()
    {
        byte[] jpeg = TestImages.Jpeg;
        TestImages.AssertRefused([0xFF, 0xD8, 0xFF, 0xD9, 0, 0, 0, 0, 0, 0, 0, 0], "damaged: it ends before its ");
        TestImages.AssertRefused([.. jpeg[..20], 0x12, .. jpeg[20..]], "no segment starts at byte 20");
        TestImages.AssertRefused([.. jpeg[..20], 0xFF, 0xE1, 0, 1, .. jpeg[20..]], "no segment starts before byte 24");
        TestImages.AssertRefused([.. jpeg[..20], 0xFF, 0xD8, 0, 2, .. jpeg[20..]], "no segment starts before byte 24");
    }

    /// <summary>300 segments of 64 kB with the header of XMP.</summary>
    [Fact]
    public void More_than_16_MiB_of_XMP_is_refused()
    {
        byte[] segment = [.. App1Xmp, .. new byte[0xFFFF - App1Xmp.Length + 2]];
        IEnumerable<byte> segments = Enumerable.Repeat(segment, 300).SelectMany(bytes => bytes);
        byte[] jpeg = [.. TestImages.Jpeg[..20], .. segments, .. TestImages.Jpeg[20..]];

        TestImages.AssertRefused(jpeg, "more than 16 MiB");
    }

    [Fact]
    public void A_JPEG_with_a_long_scan_is_read_without_keeping_it_in_memory()
    {
        using var jpeg = new HugeStream(TestImages.Jpeg[..^2], zeros: 300_000_000, [0xFF, 0xD9]);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(3, ImageFileInfo.Read(jpeg).Width);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }
}
