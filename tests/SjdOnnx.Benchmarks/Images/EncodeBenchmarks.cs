using BenchmarkDotNet.Attributes;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;
using SixLabors.ImageSharp.Processing;
using SjdOnnx.Runtime;
using SjdOnnx.Sampling;

namespace SjdOnnx.Benchmarks.Images;

/// <summary>From the pixels of an image of 1024 × 1024 to a file in memory.</summary>
public class EncodeBenchmarks
{
    private const int Side = 1024;
    private const int Tile = 128;

    private RgbImage _image = null!;

    /// <summary>
    /// Standard deviation of the noise, where white is 255. Decoded photographs have about 1, and the built-in model's images have none.
    /// </summary>
    [Params(0, 1.2f)]
    public float Noise { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        using Image<Rgb24> sheet = Image.Load<Rgb24>(Path.Combine(AppContext.BaseDirectory, "contact-sheet.png"));
        using var image = new Image<Rgb24>(2 * Tile, 2 * Tile);
        for (int i = 0; i < 4; i++)
        {
            (int column, int row) = (i % 2, i / 2);
            var area = new Rectangle(10 + (column * 138), 10 + (row * 174), Tile, Tile);
            using Image<Rgb24> tile = sheet.Clone(context => context.Crop(area));
            image.Mutate(context => context.DrawImage(tile, new Point(column * Tile, row * Tile), 1));
        }

        image.Mutate(context => context.Resize(Side, Side, KnownResamplers.Bicubic));
        var rgb = new byte[Side * Side * 3];
        image.CopyPixelDataTo(rgb);
        var noise = new float[rgb.Length];
        new Randomness(Seed: 1).At(0).Normal(noise, position: 0);
        for (int i = 0; i < rgb.Length; i++)
            rgb[i] = (byte)Math.Clamp(MathF.Round(rgb[i] + (Noise * noise[i])), 0, 255);
        _image = new RgbImage(Side, Side, rgb);
    }

    [Benchmark]
    public int Png() => Encode(ImageFormat.Png, new ImageFileOptions());

    [Benchmark]
    public int PngFast() => Encode(ImageFormat.Png, new ImageFileOptions { Fast = true });

    [Benchmark]
    public int Jpeg() => Encode(ImageFormat.Jpeg, new ImageFileOptions());

    [Benchmark]
    public int WebP() => Encode(ImageFormat.WebP, new ImageFileOptions());

    [Benchmark]
    public int WebPFast() => Encode(ImageFormat.WebP, new ImageFileOptions { Fast = true });

    [Benchmark]
    public int WebPLossless() => Encode(ImageFormat.WebP, new ImageFileOptions { Lossless = true });

    /// <summary>Prints the sizes of the files, because BenchmarkDotNet has no column for them.</summary>
    [GlobalCleanup]
    public void PrintSizes() => Console.WriteLine(
        $"// Noise {Noise}, bytes: PNG {Png()}, fast {PngFast()}, JPEG {Jpeg()}, "
        + $"WebP {WebP()}, fast {WebPFast()}, lossless {WebPLossless()}");

    private int Encode(ImageFormat format, ImageFileOptions options) => _image.Encode(format, options).Length;
}
