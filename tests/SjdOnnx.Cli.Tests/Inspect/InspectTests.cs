using System.Diagnostics;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.Metadata.Profiles.Exif;
using SixLabors.ImageSharp.PixelFormats;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests.Inspect;

public class InspectTests
{
    [Fact]
    public async Task Inspect_says_why_a_file_cannot_be_read()
    {
        using var sjd = new Sjd();
        byte[] png = Png("parameters", "a \u001b[31mfox\nSteps: 20");
        File.WriteAllBytes(sjd.PathOf("whole.png"), png);
        File.WriteAllBytes(sjd.PathOf("cut.png"), png[..^20]);
        File.WriteAllBytes(sjd.PathOf("damaged.png"), [.. png[..50], (byte)~png[50], .. png[51..]]);
        File.WriteAllBytes(sjd.PathOf("bare.png"), Png("Comment", "a fox"));
        File.WriteAllText(sjd.PathOf("text.png"), "a fox");
        File.WriteAllText(sjd.PathOf("empty.png"), "");
        File.WriteAllBytes(sjd.PathOf("strange.png"), Png("sjdonnx", "no JSON"));
        File.WriteAllBytes(sjd.PathOf("list.png"), Png("sjdonnx", "[1, 2]"));
        File.WriteAllBytes(sjd.PathOf("half.png"), Png("sjdonnx", """{"a":["\ud800"]}"""));
        File.WriteAllBytes(sjd.PathOf("name.png"), Png("sjdonnx", """{"\udc00":1}"""));
        File.WriteAllBytes(sjd.PathOf("deep.png"), Png("sjdonnx", new string('[', 10_000)));

        (await sjd.RunAsync("inspect", "nowhere.png")).AssertFailed(ExitCode.Input, "cannot be read: there is no such file.");
        (await sjd.RunAsync("inspect", ".")).AssertFailed(ExitCode.Input, "'.' is a folder");
        (await sjd.RunAsync("inspect", "text.png")).AssertFailed(ExitCode.Input, "no PNG, JPEG or WebP");
        (await sjd.RunAsync("inspect", "empty.png")).AssertFailed(ExitCode.Input, "It is empty");
        (await sjd.RunAsync("inspect", "cut.png")).AssertFailed(ExitCode.Input, "cut short");
        (await sjd.RunAsync("inspect", "damaged.png")).AssertFailed(ExitCode.Input, "checksum");
        (await sjd.RunAsync("inspect", "bare.png")).AssertFailed(ExitCode.Input, "no generation data");
        (await sjd.RunAsync("inspect", "strange.png")).AssertFailed(ExitCode.Input, "data is not JSON.");
        (await sjd.RunAsync("inspect", "deep.png")).AssertFailed(ExitCode.Input, "data is not JSON.");
        (await sjd.RunAsync("inspect", "list.png")).AssertFailed(ExitCode.Input, "data is not a JSON object");
        (await sjd.RunAsync("inspect", "half.png")).AssertFailed(ExitCode.Input, "half a surrogate pair");
        (await sjd.RunAsync("inspect", "name.png", "--json")).AssertFailed(ExitCode.Input, "half a surrogate pair");

        Finished other = await sjd.RunAsync("inspect", "whole.png");
        Assert.Equal((0, "a \\u001b[31mfox\nSteps: 20\n"), (other.ExitCode, other.Output));
    }

    [Fact]
    public async Task Inspect_says_why_a_JPEG_or_WebP_cannot_be_read()
    {
        using var sjd = new Sjd();
        foreach (string extension in (string[])["jpg", "webp"])
        {
            using var image = new Image<Rgb24>(5, 3);
            image.Metadata.ExifProfile = new ExifProfile();
            image.Metadata.ExifProfile.SetValue(ExifTag.UserComment, "a fox\nSteps: 20");
            image.Save(sjd.PathOf($"whole.{extension}"));
            byte[] whole = sjd.Read($"whole.{extension}");
            File.WriteAllBytes(sjd.PathOf($"cut.{extension}"), whole[..^5]);
            File.WriteAllBytes(sjd.PathOf($"damaged.{extension}"), [.. whole[..16], 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, .. whole[22..]]);
            image.Metadata.ExifProfile = null;
            image.Save(sjd.PathOf($"bare.{extension}"));

            Finished read = await sjd.RunAsync("inspect", $"whole.{extension}");
            Assert.Equal((0, "a fox\nSteps: 20\n"), (read.ExitCode, read.Output));
            (await sjd.RunAsync("inspect", $"cut.{extension}")).AssertFailed(ExitCode.Input, "cut short");
            (await sjd.RunAsync("inspect", $"damaged.{extension}")).AssertFailed(ExitCode.Input, "damaged");
            (await sjd.RunAsync("inspect", $"bare.{extension}")).AssertFailed(ExitCode.Input, "no generation data");
        }
    }

    /// <summary>Opening a pipe waits for a writer, and reading /dev/zero has no end.</summary>
    [UnixFact]
    public async Task Inspect_opens_only_regular_files()
    {
        using var sjd = new Sjd();
        using (Process mkfifo = Process.Start("mkfifo", [sjd.PathOf("pipe")]))
            await mkfifo.WaitForExitAsync();

        (await sjd.RunAsync("inspect", "pipe")).AssertFailed(ExitCode.Input, "no regular file");
        (await sjd.RunAsync("inspect", "/dev/zero")).AssertFailed(ExitCode.Input, "no regular file");
    }

    /// <summary>A PNG with one text.</summary>
    private static byte[] Png(string keyword, string text)
    {
        using var image = new Image<Rgb24>(5, 3);
        image.Metadata.GetPngMetadata().TextData.Add(new PngTextData(keyword, text, "", ""));
        using var file = new MemoryStream();
        image.SaveAsPng(file);
        return file.ToArray();
    }
}
