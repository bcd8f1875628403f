using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;
using SjdOnnx.Windows;

namespace SjdOnnx.Tests;

/// <summary>
/// The token ids of every method with every kind of window and every initialization are those in pinned-tokens.txt, so the images of a
/// seed stay the same from version to version. Each line has a method with its options, a window, and a hash for each initialization.
/// </summary>
public sealed class PinnedTokensTests
{
    private const int Images = 3;

    private static readonly TokenLayout Layout =
        new() { Rows = 6, Columns = 5, FirstCode = 4, Codes = 37, RowSuffix = [90], Suffix = [91] };

    private static readonly SamplingOptions Sampling = new() { Guidance = 2, TopK = 20, TopP = 0.95f };
    private static readonly PassCosts Costs = new([(0, 1), (1, 1.05), (2, 1.1), (4, 1.2), (8, 1.5), (16, 2)]);

    public static TheoryData<string, string, string> Pins()
    {
        var pins = new TheoryData<string, string, string>();
        foreach (string line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "pinned-tokens.txt")))
        {
            string[] parts = line.Split(" | ");
            pins.Add(parts[0], parts[1], parts[2]);
        }

        return pins;
    }

    [Theory]
    [MemberData(nameof(Pins))]
    public void Images_have_the_same_tokens_as_in_earlier_versions(string method, string window, string hashes) =>
        Assert.Equal(hashes, string.Join(' ', Initialization.All.Select(initialization => Hash(method, window, initialization))));

    [Fact]
    public void Every_built_in_method_is_pinned_with_every_window() => Assert.Equal(
        from method in DecodingMethods.BuiltIn.Names
        from window in (string[])["0", "1", "3", "7", "16", "auto", "parts"]
        select (method, window),
        Pins().Select(pin => ((string)pin[0], (string)pin[1])).Where(pin => !pin.Item1.Contains(' ', StringComparison.Ordinal)));

    private static string Hash(string method, string window, Initialization initialization)
    {
        IDecodingMethod created = Create(method);
        var decoder = new Decoder(Layout, created, Sampling, Windows(window, created), initialization);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        for (uint image = 0; image < Images; image++)
        {
            DecodedSequence decoded = decoder.Decode(new ToyModel(Layout) { ContextEffect = 0.7f }, new Randomness(Seed: 2026, image));
            foreach (int number in decoded.Ids.Append(decoded.ForwardPasses))
            {
                BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
                hash.AppendData(bytes);
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset())[..8];
    }

    /// <param name="text">A method's name and options, such as <c>gsd group-size=4</c>.</param>
    private static IDecodingMethod Create(string text)
    {
        string[] words = text.Split(' ');
        MethodDescriptor descriptor = DecodingMethods.BuiltIn[words[0]];
        IDecodingMethod method = descriptor.Default;
        foreach (string[] option in words.Skip(1).Select(word => word.Split('=')))
            method = descriptor.Options.Single(known => known.Name == option[0]).Apply(method, option[1]);
        return method;
    }

    private static IWindowPolicy Windows(string text, IDecodingMethod method) => text switch
    {
        "auto" => new AutoWindow(Costs, maxDrafts: 16, (method as ITreeMethod)?.MaxBranches(16) ?? 0),
        "parts" => new SequentialParts(new FixedWindow(7), first: 3, last: 4),
        _ => new FixedWindow(int.Parse(text, CultureInfo.InvariantCulture)),
    };
}
