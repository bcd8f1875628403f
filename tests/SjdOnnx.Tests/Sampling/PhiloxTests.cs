using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Sampling;

public sealed class PhiloxTests
{
    // kat_vectors of Random123, "philox4x32 10": counter, key (low word first), result
    [Theory]
    [InlineData(0u, 0u, 0u, 0u, 0ul, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(~0u, ~0u, ~0u, ~0u, ~0ul, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(
        0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0x299f31d0_a4093822ul, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Philox_gives_the_numbers_published_with_Random123(
        uint counter0, uint counter1, uint counter2, uint counter3, ulong key, uint first, uint second, uint third, uint fourth) =>
        Assert.Equal(new Philox.Block(first, second, third, fourth), Philox.At(new(counter0, counter1, counter2, counter3), key));

    [Fact]
    public void Filling_a_row_gives_the_numbers_of_consecutive_counters()
    {
        const ulong key = 0xFEDCBA98_76543210;
        var counter = new Philox.Block(uint.MaxValue, 0x80000001, 7, uint.MaxValue - 20); // its last word overflows
        uint[] expected = [.. Enumerable.Range(0, 100).SelectMany(i => Words(counter with { Fourth = counter.Fourth + (uint)i }, key))];
        for (int length = 0; length <= expected.Length; length++)
        {
            var bits = new uint[length];
            Philox.Fill(bits, counter, key);
            Assert.Equal(expected[..length], bits);
        }
    }

    private static uint[] Words(Philox.Block counter, ulong key)
    {
        (uint first, uint second, uint third, uint fourth) = Philox.At(counter, key);
        return [first, second, third, fourth];
    }
}
