using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Flow;

/// <summary>Images of equal size side by side.</summary>
internal static class ImageGrid
{
    private const int Colors = 3;

    /// <summary>One image with all of them in rows, each pixel as a square.</summary>
    /// <param name="images">One or more, of the same size.</param>
    /// <param name="columns">Images of a row.</param>
    /// <param name="enlarge">Side of the squares in pixels.</param>
    public static RgbImage Of(IReadOnlyList<RgbImage> images, int columns, int enlarge)
    {
        (int width, int height) = (images[0].Width * enlarge, images[0].Height * enlarge);
        columns = Math.Min(columns, images.Count);
        int rows = (images.Count + columns - 1) / columns;
        var rgb = new byte[checked(rows * height * columns * width * Colors)];
        rgb.AsSpan().Fill(byte.MaxValue);
        for (int i = 0; i < images.Count; i++)
        {
            ReadOnlySpan<byte> pixels = images[i].Rgb.Span;
            for (int y = 0; y < height; y++)
            {
                int target = ((((i / columns * height) + y) * columns) + (i % columns)) * width * Colors;
                ReadOnlySpan<byte> row = pixels.Slice(y / enlarge * images[i].Width * Colors, images[i].Width * Colors);
                for (int x = 0; x < width; x++)
                    row.Slice(x / enlarge * Colors, Colors).CopyTo(rgb.AsSpan(target + (x * Colors)));
            }
        }

        return new RgbImage(columns * width, rows * height, rgb);
    }
}
