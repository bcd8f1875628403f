using System.Numerics.Tensors;

namespace SjdOnnx.Sampling;

/// <summary>
/// Finds how far down a row must be read from its largest value, without sorting it: the row is parted around a pivot, and only the part in
/// which the answer lies is looked at again. Hoare's quickselect, by number of values or by their sum.
/// </summary>
internal static class Selection
{
    private delegate double Measure(ReadOnlySpan<float> part);

    /// <summary>The value of rank <paramref name="count"/>, 1 being the largest; <paramref name="values"/> is reordered.</summary>
    public static float CountDown(Span<float> values, int count) => Down(values, count, static part => part.Length);

    /// <summary>The value at which the sum of the largest first reaches <paramref name="sum"/>; <paramref name="values"/>, 0 or more, is reordered.</summary>
    /// <returns>The smallest value if all of them together do not reach it.</returns>
    public static float SumDown(Span<float> values, double sum) => Down(values, sum, static part => TensorPrimitives.Sum(part));

    private static float Down(Span<float> values, double target, Measure measure)
    {
        while (true)
        {
            float pivot = Median(values[0], values[values.Length / 2], values[^1]);
            (int larger, int notSmaller) = Part(values, pivot);

            double above = measure(values[..larger]);
            if (target <= above)
            {
                values = values[..larger];
                continue;
            }

            double through = above + measure(values[larger..notSmaller]);
            if (target <= through || notSmaller == values.Length)
                return pivot;

            target -= through;
            values = values[notSmaller..];
        }
    }

    /// <summary>Reorders into values larger than the pivot, equal to it, and smaller; returns where the second and third part begin.</summary>
    private static (int Equal, int Smaller) Part(Span<float> values, float pivot)
    {
        int equal = 0;
        int smaller = values.Length;
        for (int i = 0; i < smaller;)
        {
            float value = values[i];
            if (value > pivot)
            {
                values[i++] = values[equal];
                values[equal++] = value;
            }
            else if (value < pivot)
            {
                values[i] = values[--smaller];
                values[smaller] = value;
            }
            else
            {
                i++;
            }
        }

        return (equal, smaller);
    }

    private static float Median(float a, float b, float c) => Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));
}
