namespace SjdOnnx.Runtime.Tests;

public class ImageFormatTests
{
    [Theory]
    [InlineData("fox.png", ImageFormat.Png)]
    [InlineData("a.b/fox.JPG", ImageFormat.Jpeg)]
    [InlineData(".jpeg", ImageFormat.Jpeg)]
    [InlineData("fox.png.webp", ImageFormat.WebP)]
    public void The_extension_of_a_path_chooses_the_format(string path, ImageFormat expected)
    {
        Assert.True(ImageFormats.TryFromPath(path, out ImageFormat format));
        Assert.Equal(expected, format);
    }

    [Theory]
    [InlineData("")]
    [InlineData("fox")]
    [InlineData("fox.gif")]
    [InlineData("fox.png/fox")]
    public void A_path_without_a_known_extension_chooses_no_format(string path) => Assert.False(ImageFormats.TryFromPath(path, out _));

    [Fact]
    public void Every_format_has_an_extension_that_chooses_it() => Assert.All(Enum.GetValues<ImageFormat>(), format =>
    {
        Assert.True(ImageFormats.TryFromPath("fox" + format.Extension(), out ImageFormat named));
        Assert.Equal(format, named);
    });
}
