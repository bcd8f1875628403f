using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SjdOnnx.Sampling;

/// <summary>Finds the largest values of a row, for top-k and top-p, without sorting or copying the row.</summary>
/// <remarks>
/// The search runs over all floats in the order of their bits. One vectorized pass over the row measures three candidates, and so leaves a
/// quarter of the range: at most 16 passes are needed. Quickselect took many times as long, because its branches are unpredictable.
/// Interpolation between the candidates needs fewer passes, but is no faster where values tie.
/// </remarks>
internal static class Threshold
{
    private const int Candidates = 3;

    private delegate void Measure(ReadOnlySpan<float> row, ReadOnlySpan<float> thresholds, Span<double> measured);

    /// <summary>
    /// A threshold for the <paramref name="count"/> largest values: these and all that tie with the last of them reach it, others do not.
    /// </summary>
    /// <param name="row">May hold −∞, but no NaN.</param>
    /// <param name="count">1 to the length of <paramref name="row"/>.</param>
    /// <param name="most">A finite number that no value of <paramref name="row"/> exceeds. A tight bound saves passes.</param>
    public static float OfCount(ReadOnlySpan<float> row, int count, float most) =>
        Highest(row, count, float.NegativeInfinity, most, CountFrom);

    /// <summary>
    /// A threshold for the fewest largest values whose sum is at least <paramref name="sum"/>: these and all that tie with the last of
    /// them reach it, others do not.
    /// </summary>
    /// <param name="row">Values of 0 or more.</param>
    /// <param name="sum">Above 0. If all values sum to less, they all reach the threshold.</param>
    /// <param name="most">A finite number that no value of <paramref name="row"/> exceeds. A tight bound saves passes.</param>
    public static float OfSum(ReadOnlySpan<float> row, float sum, float most) => Highest(row, sum, 0, most, SumFrom);

    /// <summary>Overwrites values below the threshold with 0.</summary>
    /// <returns>The sum of the other values.</returns>
    public static float DropBelow(Span<float> row, float threshold)
    {
        Span<Vector512<float>> vectors = MemoryMarshal.Cast<float, Vector512<float>>(row);
        Vector512<float> least = Vector512.Create(threshold);
        Vector512<float> sums = Vector512<float>.Zero;
        foreach (ref Vector512<float> vector in vectors)
        {
            vector = From(least, vector);
            sums += vector;
        }

        float sum = Vector512.Sum(sums);
        foreach (ref float value in row[(vectors.Length * Vector512<float>.Count)..])
        {
            value = value < threshold ? 0 : value;
            sum += value;
        }

        return sum;
    }

    /// <summary>
    /// A threshold for which <paramref name="measure"/> gives <paramref name="wanted"/>. If there is none, the highest threshold for which
    /// it gives more.
    /// </summary>
    private static float Highest(ReadOnlySpan<float> row, double wanted, float least, float most, Measure measure)
    {
        Span<float> thresholds = stackalloc float[Candidates];
        Span<double> measured = stackalloc double[Candidates];
        long low = Order(least);
        long high = Order(most) + 1L;
        while (high - low > 1)
        {
            long step = (high - low + Candidates) / (Candidates + 1);
            long start = low;
            for (int i = 0; i < Candidates; i++)
                thresholds[i] = Value((int)Math.Min(start + ((i + 1) * step), high));

            measure(row, thresholds, measured);
            for (int i = 0; i < Candidates; i++)
            {
                if (measured[i] == wanted)
                    return thresholds[i];

                long candidate = start + ((i + 1) * step);
                if (measured[i] > wanted)
                    low = candidate;
                else
                    high = Math.Min(high, candidate);
            }
        }

        return Value((int)low);
    }

    private static void CountFrom(ReadOnlySpan<float> row, ReadOnlySpan<float> thresholds, Span<double> measured)
    {
        (float first, float second, float third) = (thresholds[0], thresholds[1], thresholds[2]);
        ReadOnlySpan<Vector512<float>> vectors = MemoryMarshal.Cast<float, Vector512<float>>(row);
        Vector512<int> firsts = Vector512<int>.Zero, seconds = firsts, thirds = firsts;
        foreach (Vector512<float> vector in vectors)
        {
            firsts -= Vector512.GreaterThanOrEqual(vector, Vector512.Create(first)).AsInt32(); // true is −1
            seconds -= Vector512.GreaterThanOrEqual(vector, Vector512.Create(second)).AsInt32();
            thirds -= Vector512.GreaterThanOrEqual(vector, Vector512.Create(third)).AsInt32();
        }

        (measured[0], measured[1], measured[2]) = (Vector512.Sum(firsts), Vector512.Sum(seconds), Vector512.Sum(thirds));
        foreach (float value in row[(vectors.Length * Vector512<float>.Count)..])
        {
            measured[0] += value >= first ? 1 : 0;
            measured[1] += value >= second ? 1 : 0;
            measured[2] += value >= third ? 1 : 0;
        }
    }

    private static void SumFrom(ReadOnlySpan<float> row, ReadOnlySpan<float> thresholds, Span<double> measured)
    {
        (float first, float second, float third) = (thresholds[0], thresholds[1], thresholds[2]);
        ReadOnlySpan<Vector512<float>> vectors = MemoryMarshal.Cast<float, Vector512<float>>(row);
        Vector512<float> firsts = Vector512<float>.Zero, seconds = firsts, thirds = firsts;
        foreach (Vector512<float> vector in vectors)
        {
            firsts += From(Vector512.Create(first), vector);
            seconds += From(Vector512.Create(second), vector);
            thirds += From(Vector512.Create(third), vector);
        }

        (measured[0], measured[1], measured[2]) = (Vector512.Sum(firsts), Vector512.Sum(seconds), Vector512.Sum(thirds));
        foreach (float value in row[(vectors.Length * Vector512<float>.Count)..])
        {
            measured[0] += value >= first ? value : 0;
            measured[1] += value >= second ? value : 0;
            measured[2] += value >= third ? value : 0;
        }
    }

    private static Vector512<float> From(Vector512<float> least, Vector512<float> values) =>
        Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(values, least), values, Vector512<float>.Zero);

    // Maps floats to integers in the same order. The bits of a float are already in order, except that those of negative floats descend.
    private static int Order(float value) => Flip(BitConverter.SingleToInt32Bits(value));

    private static float Value(int order) => BitConverter.Int32BitsToSingle(Flip(order));

    private static int Flip(int bits) => bits ^ ((bits >> 31) & int.MaxValue);
}
