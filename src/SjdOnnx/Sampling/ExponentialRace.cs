using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SjdOnnx.Sampling;

/// <summary>
/// Computes argmax(log p + g) with a Gumbel vector g. With g = −log e, the numbers e are exponentially distributed, and the result is
/// argmin(e / p): the winner of a race in which each code has an exponential time of rate p. Codes tie if their p and their bits are equal;
/// then the lowest code wins.
/// </summary>
/// <remarks>
/// e = −log(1 − u) with u = (bits + ½) / 2³², so e > u. A code whose u is already too large is therefore discarded without a logarithm.
/// Sixteen codes at once are tested with the upper 24 bits of their random words and with a margin for rounding. The codes that pass, about
/// twenty of a thousand, are tested again in double precision. So nearly all of the time goes into the random bits.
/// </remarks>
internal struct ExponentialRace
{
    // A margin above the rounding of single precision, so that no code is discarded that could win.
    private const double Margin = 1 + (1.0 / (1 << 20));

    private double _least = double.PositiveInfinity;

    public ExponentialRace()
    {
    }

    /// <summary>The leading code; −1 before a code with a probability above 0 has entered.</summary>
    public int Winner { get; private set; } = -1;

    /// <summary>Enters the next codes into the race. Codes ascend from call to call.</summary>
    /// <param name="firstCode">The code of the first entry.</param>
    /// <param name="p">[codes] probabilities.</param>
    /// <param name="bits">[codes] random words.</param>
    public void Enter(int firstCode, ReadOnlySpan<float> p, ReadOnlySpan<uint> bits)
    {
        ReadOnlySpan<Vector512<float>> rates = MemoryMarshal.Cast<float, Vector512<float>>(p);
        ReadOnlySpan<Vector512<uint>> draws = MemoryMarshal.Cast<uint, Vector512<uint>>(bits);
        Vector512<float> limit = Limit();
        for (int i = 0; i < rates.Length; i++)
        {
            Vector512<float> earliest = Vector512.ConvertToSingle((draws[i] >>> 8).AsInt32());
            if (!Vector512.LessThanAny(earliest, limit * rates[i]))
                continue;

            int start = i * Vector512<float>.Count;
            EnterEach(firstCode + start, p.Slice(start, Vector512<float>.Count), bits[start..]);
            limit = Limit();
        }

        int rest = rates.Length * Vector512<float>.Count;
        EnterEach(firstCode + rest, p[rest..], bits[rest..]);
    }

    private void EnterEach(int firstCode, ReadOnlySpan<float> p, ReadOnlySpan<uint> bits)
    {
        for (int i = 0; i < p.Length; i++)
        {
            double u = (bits[i] + 0.5) / (1UL << 32);
            if (!(p[i] > 0) || u >= _least * p[i])
                continue;

            double time = -Math.Log(1 - u) / p[i];
            if (time < _least)
                (Winner, _least) = (firstCode + i, time);
        }
    }

    private readonly Vector512<float> Limit() => Vector512.Create(float.BitIncrement((float)(_least * (1 << 24) * Margin)));
}
