using System.Text;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Runtime.Tests.Images;

public class ExifTests
{
    private static readonly byte[] Written = Exif.Write("a 🦊");

    [Fact]
    public void A_comment_that_was_written_is_read()
    {
        Assert.Equal("a 🦊", Exif.ReadComment(Written));
        Assert.Equal("a 🦊", Exif.ReadComment([.. "Exif\0\0"u8, .. Written]));
    }

    [Fact]
    public void A_comment_is_read_in_its_encoding()
    {
        Assert.Equal("fox", Exif.ReadComment(WithComment("ASCII\0\0\0fox\0"u8)));
        Assert.Null(Exif.ReadComment(WithComment("JIS\0\0\0\0\0fox!"u8)));
    }

    [Fact]
    public void EXIF_data_without_a_comment_have_none()
    {
        Assert.Null(Exif.ReadComment("MM\0*\0\0\0\u0008\0\0\0\0\0\0"u8));
        Assert.Null(Exif.ReadComment("II*\0\u0008\0\0\0\0\0\0\0\0\0"u8));
    }

    [Fact]
    public void A_field_that_points_outside_of_the_EXIF_data_is_refused_as_damaged()
    {
        AssertDamaged([]);
        AssertDamaged("no TIFF"u8);
        AssertDamaged("MM\0*\u00FF\u00FF\u00FF\u00FF"u8);
        for (int length = 0; length < Written.Length; length++)
            AssertDamaged(Written.AsSpan(0, length));
        Assert.Null(Exif.ReadComment([.. Written[..32], 0, 0, 0, 4, .. Written[36..]])); // a comment of four bytes
        AssertDamaged([.. Written[..32], 0xFF, 0xFF, 0xFF, 0xFF, .. Written[36..]]);
    }

    private static byte[] WithComment(ReadOnlySpan<byte> comment)
    {
        byte[] exif = Exif.Write(Encoding.BigEndianUnicode.GetString(new byte[comment.Length - 8]));
        comment.CopyTo(exif.AsSpan(^comment.Length..));
        return exif;
    }

    private static void AssertDamaged(ReadOnlySpan<byte> exif)
    {
        byte[] bytes = exif.ToArray();
        TestImages.AssertRefused(() => Exif.ReadComment(bytes), "EXIF data are damaged");
    }
}
