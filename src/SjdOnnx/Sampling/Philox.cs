using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace SjdOnnx.Sampling;

/// <summary>
/// Philox 4×32 with ten rounds: a counter-based random number generator. It maps a 128-bit counter to 128 random bits under a 64-bit key.
/// </summary>
/// <remarks>
/// Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011. The numbers are those of philox4x32 in Random123.
/// </remarks>
internal static class Philox
{
    private const int Rounds = 10;
    private const uint EvenMultiplier = 0xD2511F53;
    private const uint OddMultiplier = 0xCD9E8D57;
    private const uint LowStep = 0x9E3779B9; // the golden ratio
    private const uint HighStep = 0xBB67AE85; // √3 − 1

    /// <summary>A 128-bit counter, or the 128 random bits computed from it.</summary>
    internal readonly record struct Block(uint First, uint Second, uint Third, uint Fourth);

    /// <summary>The random bits at <paramref name="counter"/> under <paramref name="key"/>.</summary>
    public static Block At(Block counter, ulong key)
    {
        (uint first, uint second, uint third, uint fourth) = counter;
        uint low = (uint)key;
        uint high = (uint)(key >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            ulong even = (ulong)EvenMultiplier * first;
            ulong odd = (ulong)OddMultiplier * third;
            (first, second, third, fourth) = ((uint)(odd >> 32) ^ second ^ low, (uint)odd, (uint)(even >> 32) ^ fourth ^ high, (uint)even);
            low += LowStep;
            high += HighStep;
        }

        return new Block(first, second, third, fourth);
    }

    /// <summary>
    /// Fills <paramref name="bits"/> with the random bits of consecutive counters, four words for each. The counters begin with
    /// <paramref name="counter"/> and count up its <see cref="Block.Fourth"/>. The result is the same on every processor.
    /// </summary>
    /// <param name="bits">Any number of words. Words of the last counter that do not fit are dropped.</param>
    /// <param name="counter">The first counter.</param>
    /// <param name="key">The key.</param>
    public static void Fill(Span<uint> bits, Block counter, ulong key)
    {
        // vectors are faster only where the processor has a vector product of 32 by 32 bits
        Span<Vector512<uint>> vectors = Avx2.IsSupported ? MemoryMarshal.Cast<uint, Vector512<uint>>(bits) : [];
        for (int i = 0; i + 1 < vectors.Length; i += 2)
        {
            (vectors[i], vectors[i + 1]) = EightAt(counter, key);
            counter = counter with { Fourth = counter.Fourth + 8 };
        }

        Span<uint> rest = bits[(vectors.Length / 2 * 2 * Vector512<uint>.Count)..];
        foreach (ref Block block in MemoryMarshal.Cast<uint, Block>(rest))
        {
            block = At(counter, key);
            counter = counter with { Fourth = counter.Fourth + 1 };
        }

        Span<uint> part = rest[(rest.Length / 4 * 4)..];
        if (!part.IsEmpty)
        {
            Block last = At(counter, key);
            ReadOnlySpan<uint> words = [last.First, last.Second, last.Third, last.Fourth];
            words[..part.Length].CopyTo(part);
        }
    }

    /// <summary>
    /// <see cref="At"/> of eight counters. Each word is in the lower half of a 64-bit element; the upper halves are ignored.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<uint> FirstFour, Vector512<uint> LastFour) EightAt(Block counter, ulong key)
    {
        Vector512<ulong> first = Vector512.Create((ulong)counter.First);
        Vector512<ulong> second = Vector512.Create((ulong)counter.Second);
        Vector512<ulong> third = Vector512.Create((ulong)counter.Third);
        Vector512<ulong> fourth = Vector512.Create((ulong)counter.Fourth);
        fourth += Vector512.Create(0UL, 4, 1, 5, 2, 6, 3, 7); // the order that Interleave needs
        Vector512<ulong> low = Vector512.Create(key);
        Vector512<ulong> high = Vector512.Create(key >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            Vector512<ulong> even = Multiply(first, EvenMultiplier);
            Vector512<ulong> odd = Multiply(third, OddMultiplier);
            (first, second, third, fourth) = ((odd >>> 32) ^ second ^ low, odd, (even >>> 32) ^ fourth ^ high, even);
            low += Vector512.Create((ulong)LowStep);
            high += Vector512.Create((ulong)HighStep);
        }

        return Interleave(Pair(first, second), Pair(third, fourth));
    }

    /// <summary>The 64-bit products of the lower halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Multiply(Vector512<ulong> left, uint right)
    {
        if (Avx512F.IsSupported)
            return Avx512F.Multiply(left.AsUInt32(), Vector512.Create(right));

        Vector256<uint> factor = Vector256.Create(right);
        return Vector512.Create(
            Avx2.Multiply(left.GetLower().AsUInt32(), factor),
            Avx2.Multiply(left.GetUpper().AsUInt32(), factor));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Pair(Vector512<ulong> low, Vector512<ulong> high) =>
        Vector512.ConditionalSelect(Vector512.Create((ulong)uint.MaxValue), low, high << 32);

    /// <summary>Joins the two halves of each block, and brings the blocks into their order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<uint> FirstFour, Vector512<uint> LastFour) Interleave(Vector512<ulong> left, Vector512<ulong> right)
    {
        if (Avx512F.IsSupported)
            return (Avx512F.UnpackLow(left, right).AsUInt32(), Avx512F.UnpackHigh(left, right).AsUInt32());

        (Vector256<ulong> left0, Vector256<ulong> left1) = (left.GetLower(), left.GetUpper());
        (Vector256<ulong> right0, Vector256<ulong> right1) = (right.GetLower(), right.GetUpper());
        return (
            Vector512.Create(Avx2.UnpackLow(left0, right0), Avx2.UnpackLow(left1, right1)).AsUInt32(),
            Vector512.Create(Avx2.UnpackHigh(left0, right0), Avx2.UnpackHigh(left1, right1)).AsUInt32());
    }
}
