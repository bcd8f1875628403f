using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SjdOnnx.Sampling;

/// <summary>Finds the values of a row that stand out, and drops the others, without sorting or copying it.</summary>
/// <remarks>
/// The threshold is searched among all floats there are, in the order of their bits. A look at the row, one vectorised pass, measures
/// three candidates and so leaves a quarter of them: at most 16 looks. Quickselect, whose branches no processor can predict, took many
/// times as long, and interpolating between the candidates saves looks but is no faster where values tie.
/// </remarks>
internal static class Threshold
{
    private const int Candidates = 3;

    private delegate void Measure(ReadOnlySpan<float> row, ReadOnlySpan<float> thresholds, Span<double> measured);

    /// <summary>
    /// A threshold reached by the <paramref name="count"/> largest values, and of the others only by those that tie with the last.
    /// </summary>
    /// <param name="row">No NaN; −∞ is a value like others.</param>
    /// <param name="count">1 to the length of <paramref name="row"/>.</param>
    /// <param name="most">A finite number that no value of <paramref name="row"/> exceeds; the nearer, the fewer looks.</param>
    public static float OfCount(ReadOnlySpan<float> row, int count, float most) =>
        Highest(row, count, float.NegativeInfinity, most, CountFrom);

    /// <summary>
    /// A threshold reached by the fewest largest values that sum to <paramref name="sum"/>, and of the others only by those that tie
    /// with the last.
    /// </summary>
    /// <param name="row">Values of 0 or more.</param>
    /// <param name="sum">Above 0; if all values sum to less, they all reach the threshold.</param>
    /// <param name="most">A finite number that no value of <paramref name="row"/> exceeds; the nearer, the fewer looks.</param>
    public static float OfSum(ReadOnlySpan<float> row, float sum, float most) => Highest(row, sum, 0, most, SumFrom);

    /// <summary>Overwrites by 0 what does not reach the threshold.</summary>
    /// <returns>The sum of what does.</returns>
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

    /// <summary>A threshold such that what reaches it measures <paramref name="wanted"/>, or else the highest with more.</summary>
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

    // Integers in the order of the floats they stand for: a float's bits are that already, but those of negative ones run backwards.
    private static int Order(float value) => Flip(BitConverter.SingleToInt32Bits(value));

    private static float Value(int order) => BitConverter.Int32BitsToSingle(Flip(order));

    private static int Flip(int bits) => bits ^ ((bits >> 31) & int.MaxValue);
}
