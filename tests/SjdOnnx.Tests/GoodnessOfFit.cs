namespace SjdOnnx.Tests;

/// <summary>Pearson's test of counted outcomes against the probabilities they ought to have.</summary>
/// <param name="ChiSquare">Σ (observed − expected)² / expected, the rare outcomes taken together.</param>
/// <param name="DegreesOfFreedom">Outcomes compared, less one.</param>
/// <param name="Impossible">Outcomes counted although their probability is 0.</param>
/// <param name="TotalVariation">½ Σ |observed − expected| / draws.</param>
internal sealed record GoodnessOfFit(double ChiSquare, int DegreesOfFreedom, long Impossible, double TotalVariation)
{
    /// <summary>
    /// Where an exact method's z may lie. The suite holds fewer than 300 tests of this kind; at a one-sided 0.1 % for all of
    /// them together (Bonferroni) each has 1 in 300,000, which is 4.5.
    /// </summary>
    public const double Limit = 4.5;

    /// <summary>The statistic as a standard normal deviate (Wilson and Hilferty); infinite when the impossible was seen.</summary>
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

    public static GoodnessOfFit Of(ReadOnlySpan<long> counts, ReadOnlySpan<double> law)
    {
        long draws = 0;
        foreach (long count in counts)
            draws += count;

        double chiSquare = 0, distance = 0, rareExpected = 0, rareCount = 0;
        long impossible = 0;
        int cells = 0;
        for (int outcome = 0; outcome < counts.Length; outcome++)
        {
            double expected = law[outcome] * draws;
            distance += Math.Abs(counts[outcome] - expected);
            if (law[outcome] == 0)
                impossible += counts[outcome];
            else if (expected < 5) // the statistic's law needs that many
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
