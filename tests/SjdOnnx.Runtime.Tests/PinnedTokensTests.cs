using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;

namespace SjdOnnx.Runtime.Tests;

/// <summary>
/// Token ids of the built-in models, pinned by hashes in pinned-tokens.txt: a change of the code must not change any image. The hashes were
/// recorded before the library had its present interface.
/// </summary>
public sealed class PinnedTokensTests
{
    private static readonly string[] Prompts = ["a fox above a rocket on a blue background", "four owls on a white background"];

    [PinnedFact("fp32")]
    public Task At_fp32_every_method_window_and_batch_draws_the_pinned_tokens() => CheckAsync(TestModel.Folder!, Precision.Fp32);

    [PinnedFact("int8")]
    public Task At_int8_sjd2_draws_the_pinned_tokens() => CheckAsync(TestModel.DenoisingFolder!, Precision.Int8);

    [Fact]
    public void Every_method_and_every_kind_of_window_and_batch_is_pinned()
    {
        Pin[] pins = [.. Pin.ReadAll()];
        IEnumerable<string> names = DecodingMethods.BuiltIn.All
            .Where(method => !method.HasTimesteps) // no model of this repository is fine-tuned for them
            .Select(method => method.Name);
        Assert.Equal(names, pins.Select(pin => pin.Method).Distinct().Order(StringComparer.Ordinal));
        Assert.Superset(new HashSet<string> { "0", "4", "16", "64", "auto" }, pins.Select(pin => pin.Window).ToHashSet());
        Assert.Equal([1, 3], pins.Select(pin => pin.Batch).Distinct().Order());
        Assert.Equal([(0, 1ul), (1, 2ul)], pins.Where(pin => pin.Batch == 1).Select(pin => (pin.Prompt, pin.Seed)).Distinct().Order());
    }

    private static async Task CheckAsync(string folder, Precision precision)
    {
        using TextToImage model = TextToImage.Load(folder, new TextToImageOptions { Precision = precision, Threads = 1, CacheFolder = "" });
        Pin[] pins = [.. Pin.ReadAll().Where(pin => pin.Model == Path.GetFileName(folder) && pin.Precision == precision.Name)];
        var differences = new List<string>();
        // All at once: images share passes with images of other methods and windows, which takes less time and must not change them.
        Pin[] singles = [.. pins.Where(pin => pin.Batch == 1)];
        GeneratedImage[] images = await Task.WhenAll(singles.Select(pin => model.GenerateAsync(pin.Request, pin.Options)));
        foreach ((Pin pin, GeneratedImage image) in singles.Zip(images))
            Compare(pin, image);

        foreach (Pin pin in singles.Where(pin => pin is { Method: "exact" or "mc" or "sjd2", Window: "16", Seed: 1 }))
            Compare(pin, await model.GenerateAsync(pin.Request, pin.Options));

        foreach (IGrouping<string, Pin> series in pins.Except(singles).GroupBy(pin => pin.Method))
        {
            Pin[] three = [.. series];
            var many = new GenerateManyOptions { MaxBatch = three[0].Batch };
            await foreach ((int index, GeneratedImage image) in model.GenerateManyAsync(
                three.Select(pin => pin.Request), three[0].Options, many))
            {
                Compare(three[index], image);
            }
        }

        Assert.Empty(differences);

        void Compare(Pin pin, GeneratedImage image)
        {
            string hash = Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<int>(image.TokenIds.ToArray())))[..16];
            if (hash != pin.Hash)
                differences.Add($"{pin} is {hash}");
        }
    }

    /// <summary>A line of pinned-tokens.txt.</summary>
    /// <param name="Hash">The first 16 hexadecimal digits of the SHA-256 of the token ids as little-endian 32-bit integers.</param>
    private sealed record Pin(
        string Model, string Precision, string Method, string Window, string Steps, int Prompt, ulong Seed, int Batch, string Hash)
    {
        public GenerationRequest Request => new() { Prompt = Prompts[Prompt], Seed = Seed };

        public GenerationOptions Options
        {
            get
            {
                IDecodingMethod method = DecodingMethods.BuiltIn[Method].Default;
                return new GenerationOptions
                {
                    Method = method is SpeculativeDenoising denoising
                        ? denoising.WithSteps(int.Parse(Steps, CultureInfo.InvariantCulture))
                        : method,
                    Window = WindowSize.Parse(Window),
                };
            }
        }

        public static IEnumerable<Pin> ReadAll() =>
            from line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "pinned-tokens.txt"))
            where !line.StartsWith('#')
            let field = line.Split(' ')
            select new Pin(
                field[0], field[1], field[2], field[3], field[4], int.Parse(field[5], CultureInfo.InvariantCulture),
                ulong.Parse(field[6], CultureInfo.InvariantCulture), int.Parse(field[7], CultureInfo.InvariantCulture), field[8]);
    }

    /// <summary>
    /// Rounding differs between processors: by 1e-7 at fp32, which practically never changes a code. At int8, that can move an activation
    /// to the next of its 255 steps, so pins at int8 hold for processors with the instructions of the one on which they were recorded.
    /// </summary>
    [AttributeUsage(AttributeTargets.Method)]
    private sealed class PinnedFactAttribute : FactAttribute
    {
        /// <param name="precision">The precision of the pins.</param>
        public PinnedFactAttribute(string precision)
        {
            if (TestModel.Folder is null || TestModel.DenoisingFolder is null)
                Skip = new ModelFactAttribute().Skip ?? new DenoisingFactAttribute().Skip;
            else if (!TestModel.IsBuiltIn || Path.GetFileName(TestModel.DenoisingFolder) != "emoji-sjd2")
                Skip = "It states what the built-in models draw, and a variable of the environment names another model.";
            else if (!X86Base.IsSupported)
                Skip = $"The tokens are pinned for x64, and this processor is {RuntimeInformation.ProcessArchitecture}.";
            else if (precision == "int8" && !Avx512Vbmi.IsSupported)
                Skip = "The tokens at int8 are pinned for processors with AVX-512 VBMI, which this one does not have.";
        }
    }
}
