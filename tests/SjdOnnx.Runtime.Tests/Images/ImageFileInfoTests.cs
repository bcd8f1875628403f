using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Runtime.Tests.Images;

/// <summary>Reading files of all formats, and of none.</summary>
public sealed class ImageFileInfoTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sjdonnx-").FullName;

    private static readonly (ImageFormat Format, bool Lossless)[] All =
        [(ImageFormat.Png, false), (ImageFormat.Jpeg, false), (ImageFormat.WebP, false), (ImageFormat.WebP, true)];

    public static TheoryData<ImageFormat, bool> Formats
    {
        get
        {
            var all = new TheoryData<ImageFormat, bool>();
            foreach ((ImageFormat format, bool lossless) in All)
                all.Add(format, lossless);
            return all;
        }
    }

    public static TheoryData<ImageFormat, bool, string> FormatsAndPrompts
    {
        get
        {
            string[] prompts =
            [
                "a fox",
                "a 🦊 says \"hi\" & <leaves> ]]> &amp; \\u0041",
                "ثعلب",
                "two\nlines\r\nand more\u2028of them",
                "\u0000\u0001\u001b[31m\r\n\u007f\u0085\uFFFE\uFFFF",
                string.Concat(Enumerable.Repeat("long 狐 ", 4000)), // more than the 64 kB of a segment of JPEG
            ];
            var all = new TheoryData<ImageFormat, bool, string>();
            foreach ((ImageFormat format, bool lossless) in All)
            {
                foreach (string prompt in prompts)
                    all.Add(format, lossless, prompt);
            }

            return all;
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(FormatsAndPrompts))]
    public void Prompt_size_seed_and_method_are_read_from_every_format(ImageFormat format, bool lossless, string prompt)
    {
        GenerationData data = TestImages.Fox with { Request = TestImages.Fox.Request with { Prompt = prompt } };

        ImageFileInfo file = TestImages.Read(TestImages.Of(format, data, new ImageFileOptions { Lossless = lossless }));

        Assert.Equal((format, 31, 17), (file.Format, file.Width, file.Height));
        Assert.Equal(ParametersText.Of(data), file.Parameters);
        GenerationData read = GenerationData.FromJson(file.GenerationJson!);
        Assert.Equal(data.Request, read.Request);
        Assert.Equal((prompt, 42ul, "sjd"), (read.Request.Prompt, read.Request.Seed, read.Request.Method));
        Assert.Equal(data.ToJson(), file.GenerationJson);
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_file_without_generation_data_has_a_size_alone(ImageFormat format, bool lossless) =>
        Assert.Equal(
            new ImageFileInfo(format, 31, 17, null, null),
            TestImages.Read(TestImages.Of(format, data: null, new ImageFileOptions { Lossless = lossless })));

    [Fact]
    public void Files_of_other_programs_are_read()
    {
        const string Parameters = "a fox\nNegative prompt: fog\nSteps: 20, Sampler: Euler a, Seed: 5";

        Assert.Equal(new ImageFileInfo(ImageFormat.Png, 1, 1, null, null), TestImages.Read(TestImages.Png));
        Assert.Equal(new ImageFileInfo(ImageFormat.Jpeg, 3, 2, null, null), TestImages.Read(TestImages.Jpeg));
        Assert.Equal(new ImageFileInfo(ImageFormat.WebP, 3, 2, null, null), TestImages.Read(TestImages.WebP));
        Assert.Equal(new ImageFileInfo(ImageFormat.Jpeg, 17, 9, Parameters, null), TestImages.Read(TestImages.WebUiJpeg));
        Assert.Equal(new ImageFileInfo(ImageFormat.WebP, 17, 9, Parameters, null), TestImages.Read(TestImages.WebUiWebP));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Every_truncation_of_a_file_is_noticed(ImageFormat format, bool lossless)
    {
        byte[] file = TestImages.Of(format, TestImages.Fox, new ImageFileOptions { Lossless = lossless });
        for (int length = 0; length < file.Length; length++)
            Assert.Throws<ImageFormatException>(() => TestImages.Read(file.AsSpan(0, length)));

        TestImages.AssertRefused(file.AsSpan(0, 13), "cut short");
        TestImages.AssertRefused(file.AsSpan(..^2), "cut short");
    }

    /// <summary>
    /// JPEG and WebP have no checksums, so a damaged file may be read with wrong values, but there is no other exception.
    /// </summary>
    [Theory]
    [MemberData(nameof(Formats))]
    public void A_damaged_file_is_read_or_refused_with_a_sentence(ImageFormat format, bool lossless)
    {
        byte[] file = TestImages.Of(format, TestImages.Fox, new ImageFileOptions { Lossless = lossless });
        for (int i = 0; i < file.Length; i++)
        {
            foreach (byte damage in (byte[])[0x01, 0x80, 0xFF])
            {
                var damaged = (byte[])file.Clone();
                damaged[i] ^= damage;
                Exception? error = Record.Exception(() => TestImages.Read(damaged));
                Assert.True(error is null or ImageFormatException, $"Byte {i} ^ {damage}: {error}");
            }
        }
    }

    [Fact]
    public void A_file_that_is_not_an_image_is_refused()
    {
        TestImages.AssertRefused([], "no PNG, JPEG or WebP");
        TestImages.AssertRefused("a fox, and then some"u8, "no PNG, JPEG or WebP");
        TestImages.AssertRefused("GIF89a\0\0\0\0\0\0\0\0"u8, "no PNG, JPEG or WebP");
        TestImages.AssertRefused("RIFF\0\0\0\0WAVEfmt "u8, "no PNG, JPEG or WebP");
    }

    [Fact]
    public void A_stream_without_end_is_refused_after_a_gigabyte()
    {
        byte[] chunk = [0x7F, 0xFF, 0xFF, 0xFF, .. "IDAT"u8];
        using var endless = new HugeStream([.. TestImages.Png[..33], .. chunk], zeros: 1L << 32, []);

        TestImages.AssertRefused(() => ImageFileInfo.Read(endless), "too large");
    }

    [Fact]
    public void An_empty_file_is_refused()
    {
        string empty = Path.Combine(_folder, "empty.png");
        File.WriteAllBytes(empty, []);
        TestImages.AssertRefused(() => ImageFileInfo.Read(empty), "It is empty");
    }

    [UnixFact]
    public void A_link_to_a_device_is_refused()
    {
        string link = Path.Combine(_folder, "link.png");
        File.CreateSymbolicLink(link, "/dev/zero");
        TestImages.AssertRefused(() => ImageFileInfo.Read(link), "a device");
    }
}
