using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Runtime.Tests.Images;

public class JpegFileTests
{
    private static readonly byte[] App1Xmp = [0xFF, 0xE1, 0xFF, 0xFF, .. "http://ns.adobe.com/xap/1.0/\0"u8];

    [Fact]
    public void The_data_stand_behind_JFIFs_own_segment_and_other_bytes_stay()
    {
        byte[] jpeg = JpegFile.Insert(TestImages.Jpeg, "a fox\nSteps: 1", "{}");

        Assert.Equal(TestImages.Jpeg[..20], jpeg[..20]);
        Assert.Equal([0xFF, 0xE1], jpeg[20..22]);
        Assert.Equal("Exif\0\0MM\0*"u8, jpeg.AsSpan(24, 10));
        Assert.Equal(TestImages.Jpeg[20..], jpeg[^(TestImages.Jpeg.Length - 20)..]);
    }

    [Fact]
    public void What_is_no_structure_of_JPEG_is_called_damaged()
    {
        byte[] jpeg = TestImages.Jpeg;
        TestImages.AssertRefused([0xFF, 0xD8, 0xFF, 0xD9, 0, 0, 0, 0, 0, 0, 0, 0], "ends before its picture");
        TestImages.AssertRefused([.. jpeg[..20], 0x12, .. jpeg[20..]], "no segment starts at byte 20");
        TestImages.AssertRefused([.. jpeg[..20], 0xFF, 0xE1, 0, 1, .. jpeg[20..]], "no segment starts before byte 24");
        TestImages.AssertRefused([.. jpeg[..20], 0xFF, 0xD8, 0, 2, .. jpeg[20..]], "no segment starts before byte 24");
    }

    /// <summary>300 segments of 64 kB under the header of XMP are more than is kept.</summary>
    [Fact]
    public void More_XMP_than_is_kept_is_refused()
    {
        byte[] segment = [.. App1Xmp, .. new byte[0xFFFF - App1Xmp.Length + 2]];
        byte[] jpeg = [.. TestImages.Jpeg[..20], .. Enumerable.Repeat(segment, 300).SelectMany(bytes => bytes), .. TestImages.Jpeg[20..]];

        TestImages.AssertRefused(jpeg, "more than 16 MiB");
    }

    [Fact]
    public void A_scan_that_does_not_end_costs_no_memory()
    {
        using var jpeg = new HugeStream(TestImages.Jpeg[..^2], zeros: 300_000_000, [0xFF, 0xD9]);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(3, ImageFileInfo.Read(jpeg).Width);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }
}
