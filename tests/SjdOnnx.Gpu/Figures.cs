using System.Text.Json;
using System.Text.Json.Serialization;

namespace SjdOnnx.Gpu;

/// <summary>How figures are computed and written.</summary>
internal static class Figures
{
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web)
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>
    /// The root mean square of the differences, relative to that of <paramref name="expected"/>. Rows have equal lengths; rows that only
    /// one of both has are left out.
    /// </summary>
    public static double RelativeRms(IReadOnlyList<float[]> expected, IReadOnlyList<float[]> found)
    {
        (double difference, double whole) = (0, 0);
        foreach ((float[] row, float[] other) in expected.Zip(found))
        {
            for (var i = 0; i < row.Length; i++)
            {
                difference += Math.Pow((double)row[i] - other[i], 2);
                whole += Math.Pow(row[i], 2);
            }
        }

        return Math.Sqrt(difference / whole);
    }

    /// <summary>Whether both have the same rows, bit for bit.</summary>
    public static bool AreEqual(IReadOnlyList<float[]> rows, IReadOnlyList<float[]> others) =>
        rows.Count == others.Count && rows.Zip(others).All(static pair => pair.First.AsSpan().SequenceEqual(pair.Second));

    /// <summary>The peak signal-to-noise ratio of two images in dB; infinite if they are equal.</summary>
    public static double Psnr(ReadOnlySpan<byte> image, ReadOnlySpan<byte> other)
    {
        double squares = 0;
        for (var i = 0; i < image.Length; i++)
            squares += Math.Pow(image[i] - other[i], 2);
        return 10 * Math.Log10(255.0 * 255 * image.Length / squares);
    }

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }
}
