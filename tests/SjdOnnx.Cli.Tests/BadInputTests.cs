using System.Diagnostics;
using System.Text.Json.Nodes;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.Metadata.Profiles.Exif;
using SixLabors.ImageSharp.PixelFormats;

namespace SjdOnnx.Cli.Tests;

/// <summary>Models that are damaged, requests the model cannot draw, places that cannot be written, files that are no pictures.</summary>
public class BadInputTests
{
    [Fact]
    public async Task A_model_folder_that_is_missing_or_none_is_refused()
    {
        using var sjd = new Sjd();

        (await sjd.RunAsync("generate", "a fox", "--model", "./nowhere")).AssertFailed(ExitCode.Model, "There is no model folder");
        (await sjd.RunAsync("generate", "a fox", "--model", ".")).AssertFailed(ExitCode.Model, "has no model.json");
        Assert.Empty(sjd.Files);
    }

    /// <summary>In this mode .NET leaves text as it is when it is asked to normalize it.</summary>
    [ModelTheory]
    [InlineData("tokenizer", "The tokenizer of this model")]
    [InlineData("cleaning", "The cleaning of prompts for this model")]
    public async Task A_globalization_invariant_program_refuses_a_model_that_needs_normalization(string what, string subject)
    {
        using var sjd = new Sjd();
        using var model = new ModelCopy();
        model.Edit(manifest =>
        {
            if (what == "tokenizer")
                manifest["tokenizer"]!["normalizers"] = new JsonArray("nfc");
            else
                manifest["prompt"]!["cleaning"] = "t5-captions";
        });

        Assert.Equal(ExitCode.Done, (await sjd.RunAsync("generate", "a fox", "--model", model.Folder)).ExitCode);
        sjd.Variables["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1";
        (await sjd.RunAsync("generate", "a fox", "--model", model.Folder)).AssertFailed(ExitCode.Provider, $"{subject} needs Unicode normalization");
    }

    [ModelFact]
    public async Task A_damaged_model_is_refused()
    {
        using var sjd = new Sjd();
        using var model = new ModelCopy();
        string manifest = File.ReadAllText(model.PathOf("model.json"));
        string graph = JsonNode.Parse(manifest)!["image"]!["graph"]!.GetValue<string>();
        byte[] bytes = File.ReadAllBytes(model.PathOf(graph));

        File.WriteAllText(model.PathOf("model.json"), manifest[..(manifest.Length / 2)]);
        await AssertRefused("model.json");

        File.WriteAllText(model.PathOf("model.json"), manifest);
        model.Edit(json => json["transformer"]!["layers"] = 1 + json["transformer"]!["layers"]!.GetValue<int>());
        await AssertRefused("model.json");

        File.WriteAllText(model.PathOf("model.json"), manifest);
        File.WriteAllBytes(model.OwnFile(graph), bytes[..^100]);
        await AssertRefused(graph);

        bytes[bytes.Length / 2] ^= 1; // in the middle of the weights, which no graph misses
        File.WriteAllBytes(model.PathOf(graph), bytes);
        await AssertRefused("SHA-256");

        File.Delete(model.PathOf(graph));
        await AssertRefused(graph);

        async Task AssertRefused(string because)
        {
            (await sjd.RunAsync("generate", "a fox", "--model", model.Folder)).AssertFailed(ExitCode.Model, because);
            Assert.Empty(sjd.Files);
        }
    }

    [ModelFact]
    public async Task What_the_model_cannot_draw_is_refused()
    {
        using var sjd = new Sjd();

        (await sjd.GenerateAsync("")).AssertFailed(ExitCode.Request, "The prompt is empty");
        (await sjd.GenerateAsync(" \n")).AssertFailed(ExitCode.Request, "The prompt is empty");
        (await sjd.GenerateAsync("a fox", "--size", "64x9999")).AssertFailed(ExitCode.Request, "64x9999");
        (await sjd.GenerateAsync(new string('a', 100 * 1024))).AssertFailed(ExitCode.Request, "The prompt has 102,400 bytes; at most 16,384");
        (await sjd.GenerateAsync(new string('a', 16 * 1024))).AssertFailed(ExitCode.Request, "16,384 characters; this model reads at most");
        (await sjd.GenerateAsync(string.Join(' ', Enumerable.Repeat("fox", 300)))).AssertFailed(ExitCode.Request, "tokens; this model reads at most");
        (await sjd.GenerateAsync("a fox", "--precision", "fp7")).AssertFailed(ExitCode.Model, "no precision 'fp7'");
        Assert.Empty(sjd.Files);
    }

    [ModelFact]
    public async Task A_provider_that_is_not_here_is_an_error_and_no_reason_to_take_another()
    {
        using var sjd = new Sjd();
        string elsewhere = OperatingSystem.IsWindows() ? "tensorrt" : "dml";

        Finished run = await sjd.GenerateAsync("a fox", "--provider", elsewhere);
        run.AssertFailed(ExitCode.Provider, $"'{elsewhere}' is not available here");
        Assert.Empty(sjd.Files);
    }

    /// <summary>The model is none: were the drawing to start, or the model be read, that would be the complaint.</summary>
    [Fact]
    public async Task A_place_that_cannot_be_written_is_refused_before_the_drawing()
    {
        using var sjd = new Sjd();
        Directory.CreateDirectory(sjd.PathOf("folder"));
        Directory.CreateDirectory(sjd.PathOf("fox-1.png"));

        await AssertRefused("there is no folder", "nowhere/fox.png");
        await AssertRefused("it is a folder", "folder");
        await AssertRefused("it is a folder", "fox.png", "--count", "3");
        await AssertRefused("cannot be written", new string('x', 300) + ".png");
        if (OperatingSystem.IsLinux())
        {
            await AssertRefused("cannot be written", "/proc/fox.png");
            await AssertRefused("it is a device", "/dev/null");
        }

        Assert.Equal(["folder", "fox-1.png"], sjd.Files);

        async Task AssertRefused(string because, string output, params string[] more) =>
            (await sjd.RunAsync(["generate", "a fox", "--model", "./nowhere", "-o", output, .. more])).AssertFailed(ExitCode.Output, because);
    }

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
        (await sjd.RunAsync("inspect", "strange.png")).AssertFailed(ExitCode.Input, "are no JSON.");
        (await sjd.RunAsync("inspect", "deep.png")).AssertFailed(ExitCode.Input, "are no JSON.");
        (await sjd.RunAsync("inspect", "list.png")).AssertFailed(ExitCode.Input, "are no JSON object");
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
    [Fact]
    public async Task Inspect_opens_regular_files_only()
    {
        if (OperatingSystem.IsWindows())
            return; // has neither pipes nor devices among its files

        using var sjd = new Sjd();
        using (Process mkfifo = Process.Start("mkfifo", [sjd.PathOf("pipe")]))
            await mkfifo.WaitForExitAsync();

        (await sjd.RunAsync("inspect", "pipe")).AssertFailed(ExitCode.Input, "no regular file");
        (await sjd.RunAsync("inspect", "/dev/zero")).AssertFailed(ExitCode.Input, "no regular file");
    }

    /// <summary>A PNG with one text, written by ImageSharp.</summary>
    private static byte[] Png(string keyword, string text)
    {
        using var image = new Image<Rgb24>(5, 3);
        image.Metadata.GetPngMetadata().TextData.Add(new PngTextData(keyword, text, "", ""));
        using var file = new MemoryStream();
        image.SaveAsPng(file);
        return file.ToArray();
    }
}
