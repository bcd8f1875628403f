using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Runtime.Tests.Images;

/// <summary>Image files that tests read: ours, and files that Pillow wrote.</summary>
internal static class TestImages
{
    /// <summary>One red pixel, by Pillow.</summary>
    public static readonly byte[] Png = File("pillow.png");

    /// <summary>3 × 2 pixels, by Pillow.</summary>
    public static readonly byte[] Jpeg = File("pillow.jpg");

    /// <summary>3 × 2 pixels, lossy, by Pillow.</summary>
    public static readonly byte[] WebP = File("pillow.webp");

    /// <summary>17 × 9 pixels with the EXIF of web UIs, in several scans, by Pillow.</summary>
    public static readonly byte[] WebUiJpeg = File("web-ui.jpg");

    /// <summary>17 × 9 pixels with EXIF in the other byte order, by Pillow.</summary>
    public static readonly byte[] WebUiWebP = File("web-ui.webp");

    /// <summary>How an image of 31 × 17 pixels was drawn.</summary>
    public static readonly GenerationData Fox = new()
    {
        Engine = "SjdOnnx 0.1.0",
        Random = "philox4x32-10",
        Model = new DrawnModel("emoji", "0123456789abcdef", "int8"),
        Provider = "cpu",
        Request = new DrawnRequest("a fox", 42, "sjd", 16, "uniform", 3, 0.9f, 0, 1, 31, 17, Exact: true),
        Statistics = new DrawnStatistics(256, 70, 3.66, [10, 20, 40]),
    };

    /// <summary>A file of 31 × 17 pixels that differ from each other.</summary>
    /// <param name="data">The generation data in it; null for none.</param>
    public static byte[] Of(ImageFormat format, GenerationData? data, ImageFileOptions? options = null) =>
        ImageEncoder.Encode(Pixels(31, 17), 31, 17, format, options ?? new ImageFileOptions(), data);

    public static byte[] Pixels(int width, int height) =>
        [.. Enumerable.Range(0, width * height * 3).Select(i => (byte)((i * 37) ^ (i / width)))];

    public static ImageFileInfo Read(ReadOnlySpan<byte> file) => ImageFileInfo.Read(new MemoryStream(file.ToArray()));

    /// <summary>The file is refused with a sentence.</summary>
    public static void AssertRefused(ReadOnlySpan<byte> file, string because)
    {
        byte[] bytes = file.ToArray();
        AssertRefused(() => Read(bytes), because);
    }

    /// <inheritdoc cref="AssertRefused(ReadOnlySpan{byte}, string)"/>
    public static void AssertRefused(Func<object?> read, string because)
    {
        string sentence = Assert.Throws<ImageFormatException>(read).Message;
        Assert.Contains(because, sentence, StringComparison.Ordinal);
        Assert.EndsWith(".", sentence, StringComparison.Ordinal);
    }

    private static byte[] File(string name) =>
        System.IO.File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Images", "Files", name));
}
