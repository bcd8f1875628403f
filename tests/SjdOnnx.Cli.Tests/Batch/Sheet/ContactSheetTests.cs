using SjdOnnx.Cli.Batch.Sheet;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Cli.Tests.Batch.Sheet;

public sealed class ContactSheetTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sjdonnx-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Images_stand_in_rows_in_their_order()
    {
        SheetImage[] images = [.. Enumerable.Range(0, 5).Select(i => Image($"{i}.png", 128, 128, (byte)(40 * (i + 1))))];

        RgbImage sheet = ContactSheet.Draw(images);

        const int Cell = 138, Row = 190; // 128 and a gap of 10; four lines of 13 pixels more
        Assert.Equal((10 + (3 * Cell), 10 + (2 * Row)), (sheet.Width, sheet.Height));
        for (int i = 0; i < 5; i++)
            Assert.Equal(40 * (i + 1), At(sheet, 10 + (i % 3 * Cell) + 64, 10 + (i / 3 * Row) + 64));
        Assert.Equal(250, At(sheet, 10 + (2 * Cell) + 64, 10 + Row + 64));
    }

    [Fact]
    public void Captions_stand_below_their_images()
    {
        SheetImage image = Image("a.png", 128, 128, 0);

        Assert.NotEqual(
            ContactSheet.Draw([image]).Rgb.ToArray(), ContactSheet.Draw([image with { Caption = "a fox" }]).Rgb.ToArray());
        RgbImage sheet = ContactSheet.Draw([image with { Title = "X", Caption = "" }]);
        int[] ink = [.. Enumerable.Range(0, 3 * sheet.Width * sheet.Height / 3).Where(i => sheet.Rgb.Span[3 * i] == 48)];
        Assert.NotEmpty(ink);
        Assert.All(ink, i => Assert.InRange(i / sheet.Width, 10 + 128, 10 + 128 + 2 + 13));
    }

    [Fact]
    public void Large_images_become_small_and_keep_their_shape()
    {
        RgbImage sheet = ContactSheet.Draw([Image("wide.png", 1000, 500, 99)]);

        Assert.Equal(10 + 192 + 10, sheet.Width);
        Assert.Equal(99, At(sheet, 10 + 191, 10 + 95));
        Assert.Equal(250, At(sheet, 10 + 191, 10 + 97));
    }

    [Fact]
    public void Many_images_have_several_sheets()
    {
        SheetImage image = Image("a.png", 8, 8, 0);
        string path = Path.Combine(_folder, "sheet.webp");

        IReadOnlyList<string> files = ContactSheet.Write(path, [.. Enumerable.Repeat(image, ContactSheet.MaxImages + 1)]);

        Assert.Equal(["sheet-0.webp", "sheet-1.webp"], files.Select(Path.GetFileName));
        Assert.All(files, file => Assert.Equal(ImageFormat.WebP, ImageFileInfo.Read(file).Format));
    }

    [Fact]
    public void A_file_that_is_no_image_is_named()
    {
        string path = Path.Combine(_folder, "text.png");
        File.WriteAllText(path, "text");

        var error = Assert.Throws<CommandException>(() => ContactSheet.Draw([new SheetImage(path, "", "")]));

        Assert.Equal(ExitCode.Input, error.ExitCode);
        Assert.StartsWith($"'{path}' cannot be read:", error.Message, StringComparison.Ordinal);
    }

    private SheetImage Image(string name, int width, int height, byte gray)
    {
        string path = Path.Combine(_folder, name);
        byte[] rgb = new byte[3 * width * height];
        rgb.AsSpan().Fill(gray);
        File.WriteAllBytes(path, new RgbImage(width, height, rgb).Encode());
        return new SheetImage(path, "", "");
    }

    private static int At(RgbImage image, int x, int y) => image.Rgb.Span[3 * ((y * image.Width) + x)];
}
