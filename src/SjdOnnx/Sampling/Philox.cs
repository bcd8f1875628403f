namespace SjdOnnx.Sampling;

/// <summary>Philox 4×32 with ten rounds: a bijection of a 128-bit counter under a 64-bit key, whose outputs pass as random.</summary>
/// <remarks>Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011. Same numbers as Random123's philox4x32.</remarks>
internal static class Philox
{
    /// <summary>The 128-bit counter, and the 128 random bits made of it.</summary>
    internal readonly record struct Block(uint First, uint Second, uint Third, uint Fourth);

    /// <summary>The random bits at <paramref name="counter"/> under <paramref name="key"/>.</summary>
    public static Block At(Block counter, ulong key)
    {
        (uint first, uint second, uint third, uint fourth) = counter;
        uint low = (uint)key;
        uint high = (uint)(key >> 32);
        for (int round = 0; round < 10; round++)
        {
            ulong even = 0xD2511F53UL * first;
            ulong odd = 0xCD9E8D57UL * third;
            (first, second, third, fourth) = ((uint)(odd >> 32) ^ second ^ low, (uint)odd, (uint)(even >> 32) ^ fourth ^ high, (uint)even);
            low += 0x9E3779B9; // the golden ratio
            high += 0xBB67AE85; // √3 − 1
        }

        return new Block(first, second, third, fourth);
    }
}
