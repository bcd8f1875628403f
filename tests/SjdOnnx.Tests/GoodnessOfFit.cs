namespace SjdOnnx.Tests;

/// <summary>Pearson's test of counted outcomes against their expected probabilities.</summary>
/// <param name="ChiSquare">Σ (observed − expected)² / expected, with all rare outcomes in one cell.</param>
/// <param name="DegreesOfFreedom">Compared cells minus one.</param>
/// <param name="Impossible">Draws whose outcome has a probability of 0.</param>
/// <param name="TotalVariation">½ Σ |observed − expected| / draws.</param>
internal sealed record GoodnessOfFit(double ChiSquare, int DegreesOfFreedom, long Impossible, double TotalVariation)
{
    /// <summary>
    /// The largest z of an exact method. The suite has fewer than 300 tests of this kind. If all of them together may fail by chance with
    /// a probability of 0.1 % (one-sided, Bonferroni), each may with 1 in 300,000: a z of 4.5.
    /// </summary>
    public const double Limit = 4.5;

    /// <summary>The statistic as a standard normal deviate (Wilson and Hilferty); infinite after an impossible outcome.</summary>
    public double Z
    {
        get
        {
            if (Impossible > 0)
                return double.PositiveInfinity;
            double spread = 2 / (9.0 * DegreesOfFreedom);
            return (Math.Cbrt(ChiSquare / DegreesOfFreedom) - (1 - spread)) / Math.Sqrt(spread);
        }
    }

    public static GoodnessOfFit Of(ReadOnlySpan<long> counts, ReadOnlySpan<double> probabilities)
    {
        long draws = 0;
        foreach (long count in counts)
            draws += count;

        double chiSquare = 0, distance = 0, rareExpected = 0, rareCount = 0;
        long impossible = 0;
        int cells = 0;
        for (int outcome = 0; outcome < counts.Length; outcome++)
        {
            double expected = probabilities[outcome] * draws;
            distance += Math.Abs(counts[outcome] - expected);
            if (probabilities[outcome] == 0)
                impossible += counts[outcome];
            else if (expected < 5) // the statistic follows its distribution from this many on
                (rareExpected, rareCount) = (rareExpected + expected, rareCount + counts[outcome]);
            else
                Add(counts[outcome], expected);
        }

        if (rareExpected >= 5)
            Add(rareCount, rareExpected);
        return new GoodnessOfFit(chiSquare, cells - 1, impossible, distance / 2 / draws);

        void Add(double count, double expected)
        {
            chiSquare += (count - expected) * (count - expected) / expected;
            cells++;
        }
    }

    public override string ToString() =>
        $"chi2({DegreesOfFreedom}) = {ChiSquare:F1}, z = {Z:F2}, TV = {TotalVariation:F4}, impossible outcomes {Impossible}";
}
