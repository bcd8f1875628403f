using SjdOnnx.Decoding;

namespace SjdOnnx.Statistics.Tests;

/// <summary>
/// Whether two sets of images of one prompt have the same distribution, judged by what can be counted in them. The codes of an image
/// depend on each other, so the significance comes from exchanging whole images between the sets.
/// </summary>
internal static class TwoSamples
{
    private const int Classes = 16;
    private const int Permutations = 999;

    /// <summary>The smallest of the tests' p-values, times their number (Bonferroni): small if the sets differ.</summary>
    public static double Significance(IReadOnlyList<int[]> ours, IReadOnlyList<int[]> theirs, TokenLayout layout)
    {
        int[][] all = [.. ours, .. theirs];
        int[] classes = ClassesByFrequency(all, layout.Codes);
        Func<int[], IEnumerable<int>>[] counted =
        [
            codes => codes,
            codes => Pairs(codes, 1, classes).Where((_, index) => (index + 1) % layout.Columns != 0),
            codes => Pairs(codes, layout.Columns, classes),
            Runs,
        ];
        double least = counted.Min(count => Significance(all.Select(codes => Histogram(count(codes))).ToArray(), ours.Count));
        return Math.Min(1, counted.Length * least);
    }

    private static double Significance(Dictionary<int, int>[] histograms, int ours)
    {
        int[] order = [.. Enumerable.Range(0, histograms.Length)];
        double observed = Distance(histograms, order, ours);
        var shuffle = new Random(1);
        int asFar = 0;
        for (int i = 0; i < Permutations; i++)
        {
            shuffle.Shuffle(order);
            asFar += Distance(histograms, order, ours) >= observed ? 1 : 0;
        }

        return (asFar + 1.0) / (Permutations + 1);
    }

    /// <summary>χ² of the two sets' counts.</summary>
    private static double Distance(Dictionary<int, int>[] histograms, int[] order, int ours)
    {
        var counts = new Dictionary<int, (double Ours, double Theirs)>();
        for (int i = 0; i < order.Length; i++)
        {
            foreach ((int cell, int count) in histograms[order[i]])
            {
                (double a, double b) = counts.GetValueOrDefault(cell);
                counts[cell] = i < ours ? (a + count, b) : (a, b + count);
            }
        }

        double share = (double)ours / order.Length;
        double distance = 0;
        foreach ((double a, double b) in counts.Values)
        {
            double expected = share * (a + b);
            if (expected >= 5)
                distance += (a - expected) * (a - expected) / expected;
        }

        return distance;
    }

    private static Dictionary<int, int> Histogram(IEnumerable<int> cells)
    {
        var counts = new Dictionary<int, int>();
        foreach (int cell in cells)
            counts[cell] = counts.GetValueOrDefault(cell) + 1;
        return counts;
    }

    private static IEnumerable<int> Pairs(int[] codes, int distance, int[] classes)
    {
        for (int i = 0; i + distance < codes.Length; i++)
            yield return (classes[codes[i]] * Classes) + classes[codes[i + distance]];
    }

    private static IEnumerable<int> Runs(int[] codes)
    {
        int run = 1;
        for (int i = 1; i < codes.Length; i++)
        {
            if (codes[i] == codes[i - 1])
            {
                run++;
                continue;
            }

            yield return run;
            run = 1;
        }

        yield return run;
    }

    /// <summary>Classes of about equal weight: of one code each where codes are frequent.</summary>
    private static int[] ClassesByFrequency(int[][] images, int codes)
    {
        var counts = new long[codes];
        foreach (int code in images.SelectMany(static image => image))
            counts[code]++;
        long total = counts.Sum();
        long before = 0;
        var classes = new int[codes];
        foreach (int code in Enumerable.Range(0, codes).OrderByDescending(code => counts[code]))
        {
            classes[code] = (int)Math.Min(Classes - 1, before * Classes / total);
            before += counts[code];
        }

        return classes;
    }
}
