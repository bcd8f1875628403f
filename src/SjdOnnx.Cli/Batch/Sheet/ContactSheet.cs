using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;
using SixLabors.ImageSharp.Processing;
using SjdOnnx.Cli.Generate;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Batch.Sheet;

/// <param name="File">The image's path.</param>
/// <param name="Title">The first line below it.</param>
/// <param name="Caption">Further lines.</param>
internal sealed record SheetImage(string File, string Title, string Caption);

/// <summary>Small versions of images with captions, in rows.</summary>
internal static class ContactSheet
{
    /// <summary>Images of a sheet, so that none is larger than image formats allow.</summary>
    public const int MaxImages = 1000;

    private const int MaxSide = 192; // of a small image, in pixels
    private const int MinCellWidth = 96;
    private const int Gap = 10;
    private const int CaptionLines = 3;
    private const byte Paper = 250;

    /// <summary>Writes one sheet, or several with numbers in their names.</summary>
    /// <param name="path">Its extension chooses the format.</param>
    /// <param name="images">One or more, in the order of reading.</param>
    /// <returns>The names of the files.</returns>
    /// <exception cref="CommandException">A sheet cannot be written, or an image cannot be read.</exception>
    public static IReadOnlyList<string> Write(string path, IReadOnlyList<SheetImage> images)
    {
        SheetImage[][] sheets = [.. images.Chunk(MaxImages)];
        var names = new ImageNames(path, sheets.Length, Path.GetExtension(path));
        if (!ImageFormats.TryFromPath(path, out ImageFormat format))
            throw new ArgumentException($"'{path}' has the extension of no format.", nameof(path));
        string[] files = [.. sheets.Select((_, index) => names.Of(index, seed: 0))];
        foreach ((string file, SheetImage[] sheet) in files.Zip(sheets))
            OutputFile.Replace(file, Draw(sheet).Encode(format, new ImageFileOptions()));
        return files;
    }

    /// <summary>Draws a sheet of at most <see cref="MaxImages"/> images.</summary>
    public static RgbImage Draw(IReadOnlyList<SheetImage> images)
    {
        Size[] sizes = [.. images.Select(SizeOf)];
        int cellWidth = Math.Max(MinCellWidth, sizes.Max(size => size.Width)) + Gap;
        int imageHeight = sizes.Max(size => size.Height);
        int cellHeight = imageHeight + (CaptionFont.Height * (1 + CaptionLines)) + Gap;
        // About a third wider than high.
        int columns = Math.Clamp((int)Math.Round(Math.Sqrt(images.Count * 4.0 / 3 * cellHeight / cellWidth)), 1, images.Count);
        int rows = (images.Count + columns - 1) / columns;
        (int width, int height) = ((columns * cellWidth) + Gap, (rows * cellHeight) + Gap);
        byte[] canvas = GC.AllocateUninitializedArray<byte>(3 * width * height);
        canvas.AsSpan().Fill(Paper);
        for (int i = 0; i < images.Count; i++)
        {
            (int x, int y) = (Gap + (i % columns * cellWidth), Gap + (i / columns * cellHeight));
            DrawImage(canvas, width, x, y + imageHeight - sizes[i].Height, images[i].File, sizes[i]);
            int textColumns = (cellWidth - Gap) / CaptionFont.Width;
            string[] lines =
                [.. CaptionFont.Wrap(images[i].Title, textColumns, 1), .. CaptionFont.Wrap(images[i].Caption, textColumns, CaptionLines)];
            for (int line = 0; line < lines.Length; line++)
                CaptionFont.Draw(canvas, width, x, y + imageHeight + 2 + (line * CaptionFont.Height), lines[line]);
        }

        return new RgbImage(width, height, canvas);
    }

    private static Size SizeOf(SheetImage image)
    {
        IImageInfo info = Reading(image.File, () => Image.Identify(image.File))
            ?? throw new CommandException(ExitCode.Input, $"'{image.File}' cannot be read: it is no image.");
        double scale = Math.Min(1, (double)MaxSide / Math.Max(info.Width, info.Height));
        return new Size(Math.Max(1, (int)Math.Round(info.Width * scale)), Math.Max(1, (int)Math.Round(info.Height * scale)));
    }

    private static void DrawImage(byte[] canvas, int canvasWidth, int x, int y, string file, Size size)
    {
        using Image<Rgb24> image = Reading(file, () => Image.Load<Rgb24>(file));
        if (image.Size() != size)
            image.Mutate(change => change.Resize(size));
        image.ProcessPixelRows(pixels =>
        {
            for (int row = 0; row < size.Height; row++)
            {
                Span<byte> target = canvas.AsSpan(3 * (((y + row) * canvasWidth) + x), 3 * size.Width);
                System.Runtime.InteropServices.MemoryMarshal.AsBytes(pixels.GetRowSpan(row)).CopyTo(target);
            }
        });
    }

    private static T Reading<T>(string file, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ImageFormatException)
        {
            throw new CommandException(ExitCode.Input, $"'{file}' cannot be read: {error.Message.Split('\n')[0].TrimEnd('.')}.", error);
        }
    }
}
