using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SjdOnnx.Sampling;

/// <summary>
/// argmax(log p + g) with a Gumbel vector g, as a race: with g = −log e the e are exponential, and the code is argmin(e / p), the first
/// of clocks that ring at rates p. Of codes that tie, which takes equal p and equal bits, the lowest wins.
/// </summary>
/// <remarks>
/// e = −log(1 − u) with u = (bits + ½) / 2³², so e > u: a code whose u alone is too large is out before its logarithm is taken. Sixteen
/// codes are judged at once by the upper 24 bits of theirs, generously; what passes is judged again in double precision. Of a thousand
/// codes some twenty do, so the race costs little more than its random bits, and codes of p = 0 nothing else.
/// </remarks>
internal struct ExponentialRace
{
    // More than single precision can round away, so that no code is turned down that might win.
    private const double Generosity = 1 + (1.0 / (1 << 20));

    private double _least = double.PositiveInfinity;

    public ExponentialRace()
    {
    }

    /// <summary>The code that leads; −1 while none of a probability above 0 has entered.</summary>
    public int Winner { get; private set; } = -1;

    /// <summary>Enters codes, in ascending order from call to call.</summary>
    /// <param name="firstCode">The code of the first entry.</param>
    /// <param name="p">[codes]</param>
    /// <param name="bits">[codes] random.</param>
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

    private readonly Vector512<float> Limit() => Vector512.Create(float.BitIncrement((float)(_least * (1 << 24) * Generosity)));
}
