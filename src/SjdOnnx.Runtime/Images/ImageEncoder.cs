using System.Runtime.InteropServices;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.PixelFormats;

namespace SjdOnnx.Runtime.Images;

/// <summary>Encodes pixels as image files.</summary>
internal static class ImageEncoder
{
    /// <summary>From this quality on, JPEG files store colors at full resolution.</summary>
    private const int FullColorQuality = 90;

    /// <summary>ImageSharp's default configuration registers eight formats, which takes time and is not needed for encoding.</summary>
    private static readonly Configuration Configuration = new();

    /// <param name="rgb">[height × width × 3], row-major.</param>
    /// <param name="data">The generation data to store in the file; null for none.</param>
    /// <exception cref="ArgumentException">The format does not support <paramref name="options"/>.</exception>
    public static byte[] Encode(
        ReadOnlyMemory<byte> rgb, int width, int height, ImageFormat format, ImageFileOptions options, GenerationData? data)
    {
        options.CheckFor(format);
        // The memory is only read, although ImageSharp asks for one that can be written.
        using var image = Image.WrapMemory<Rgb24>(Configuration, MemoryMarshal.AsMemory(rgb), width, height);
        using var file = new MemoryStream(capacity: rgb.Length / 2);
        image.Save(file, EncoderOf(format, options));
        if (data is null)
            return file.ToArray();

        ReadOnlySpan<byte> bytes = file.GetBuffer().AsSpan(0, (int)file.Length);
        (string parameters, string json) = (ParametersText.Of(data), data.ToJson());
        return format switch
        {
            ImageFormat.Png => PngFile.Insert(bytes, parameters, json),
            ImageFormat.Jpeg => JpegFile.Insert(bytes, parameters, json),
            _ => WebPFile.Insert(bytes, width, height, parameters, json),
        };
    }

    private static IImageEncoder EncoderOf(ImageFormat format, ImageFileOptions options)
    {
        int quality = options.Quality ?? ImageFileOptions.DefaultQuality;
        return format switch
        {
            // Filter and level are chosen by the measurements in docs/benchmarks/image-files.md.
            ImageFormat.Png => new PngEncoder
            {
                ColorType = PngColorType.Rgb,
                BitDepth = PngBitDepth.Bit8,
                FilterMethod = options.Fast ? PngFilterMethod.None : PngFilterMethod.Paeth,
                CompressionLevel = options.Fast ? PngCompressionLevel.NoCompression : PngCompressionLevel.BestSpeed,
            },
            ImageFormat.Jpeg => new JpegEncoder
            {
                Quality = quality,
                ColorType = quality >= FullColorQuality ? JpegColorType.YCbCrRatio444 : JpegColorType.YCbCrRatio420,
            },
            ImageFormat.WebP => new WebpEncoder
            {
                FileFormat = options.Lossless ? WebpFileFormatType.Lossless : WebpFileFormatType.Lossy,
                // For lossless files this is the effort; 75 is the usual value.
                Quality = options.Lossless ? 75 : quality,
                Method = options.Fast ? WebpEncodingMethod.Fastest : WebpEncodingMethod.Default,
            },
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, "There is no such format of image files."),
        };
    }
}
