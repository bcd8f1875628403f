using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Runtime.Tests.Images;

public class ImageEncoderTests
{
    private const int Width = 61;
    private const int Height = 43;

    private static readonly byte[] Smooth =
        [.. Enumerable.Range(0, Width * Height).SelectMany(i => (byte[])[(byte)(i % Width * 4), (byte)(i / Width * 5), (byte)(i % 7)])];

    [Theory]
    [InlineData(ImageFormat.Png, false, false)]
    [InlineData(ImageFormat.Png, false, true)]
    [InlineData(ImageFormat.Png, true, false)]
    [InlineData(ImageFormat.WebP, true, false)]
    [InlineData(ImageFormat.WebP, true, true)]
    public void Lossless_formats_keep_every_pixel(ImageFormat format, bool lossless, bool fast) =>
        Assert.Equal(Smooth, Decode(Encode(format, new ImageFileOptions { Lossless = lossless, Fast = fast })));

    [Theory]
    [InlineData(ImageFormat.Jpeg)]
    [InlineData(ImageFormat.WebP)]
    public void A_higher_quality_is_closer_to_the_pixels_and_takes_more_bytes(ImageFormat format)
    {
        byte[][] files = [.. new[] { 5, 50, 90, 100 }.Select(quality => Encode(format, new ImageFileOptions { Quality = quality }))];

        Assert.Equal(files.OrderBy(file => file.Length), files);
        Assert.Equal(files.OrderByDescending(Error), files);
        Assert.InRange(Error(files[^1]), 0, 3);
        Assert.Equal(Encode(format, new ImageFileOptions()), files[2]);
    }

    [Theory]
    [InlineData(ImageFormat.Png, false)]
    [InlineData(ImageFormat.Jpeg, false)]
    [InlineData(ImageFormat.WebP, false)]
    [InlineData(ImageFormat.WebP, true)]
    public void The_same_image_gives_the_same_bytes_and_keeps_its_pixels(ImageFormat format, bool lossless)
    {
        var options = new ImageFileOptions { Lossless = lossless };
        byte[] pixels = [.. Smooth];

        byte[] first = ImageEncoder.Encode(pixels, Width, Height, format, options, TestImages.Fox);

        Assert.Equal(first, ImageEncoder.Encode(pixels, Width, Height, format, options, TestImages.Fox));
        Assert.Equal(Smooth, pixels);
    }

    [Fact]
    public void Options_that_a_format_does_not_have_are_refused()
    {
        AssertRefused("Quality is 80; PNG is lossless", ImageFormat.Png, new ImageFileOptions { Quality = 80 });
        AssertRefused("Lossless is true; JPEG is always lossy", ImageFormat.Jpeg, new ImageFileOptions { Lossless = true });
        AssertRefused("Quality is 80 and Lossless is true", ImageFormat.WebP, new ImageFileOptions { Quality = 80, Lossless = true });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ImageFileOptions { Quality = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ImageFileOptions { Quality = 101 });
        Assert.Throws<ArgumentOutOfRangeException>(() => Encode((ImageFormat)3, new ImageFileOptions()));

        static void AssertRefused(string because, ImageFormat format, ImageFileOptions options) =>
            Assert.StartsWith(because, Assert.Throws<ArgumentException>(() => Encode(format, options)).Message, StringComparison.Ordinal);
    }

    private static byte[] Encode(ImageFormat format, ImageFileOptions options) =>
        ImageEncoder.Encode(Smooth, Width, Height, format, options, data: null);

    /// <summary>Mean difference of a channel.</summary>
    private static double Error(byte[] file) => Decode(file).Zip(Smooth, (a, b) => Math.Abs(a - b)).Average();

    private static byte[] Decode(byte[] file)
    {
        using Image<Rgb24> image = Image.Load<Rgb24>(file);
        var pixels = new byte[image.Width * image.Height * 3];
        image.CopyPixelDataTo(pixels);
        return pixels;
    }
}
