namespace SjdOnnx.Peers;

/// <summary>The median of several measurements, and their range.</summary>
internal sealed record Spread(double Median, double Min, double Max)
{
    public static Spread? Of(IEnumerable<double> values) => Of(values.Select(value => (double?)value));

    public static Spread? Of(IEnumerable<double?> values)
    {
        double[] sorted = [.. values.OfType<double>().Order()];
        return sorted.Length == 0
            ? null
            : new Spread((sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2, sorted[0], sorted[^1]);
    }
}

/// <summary>What all processes of a cell measured.</summary>
/// <param name="Cell">What was measured.</param>
/// <param name="TokensPerSecond">Without the first image of each process.</param>
/// <param name="Load">Seconds.</param>
/// <param name="FirstToken">Seconds.</param>
/// <param name="FirstImage">Seconds.</param>
/// <param name="PeakMegabytes">Millions of bytes.</param>
/// <param name="Agreeing">Codes of the greedy image before the first that differs from that of the bare Run.</param>
/// <param name="Tokens">Codes in an image.</param>
internal sealed record Summary(
    Cell Cell, Spread? TokensPerSecond, Spread? Load, Spread? FirstToken, Spread? FirstImage, Spread? PeakMegabytes, int? Agreeing,
    int Tokens)
{
    public static IReadOnlyList<Summary> Of(IReadOnlyList<Sample> samples)
    {
        Dictionary<string, int[]> expected = samples
            .Where(sample => sample.Cell.Engine == Cell.BareRun && sample.Greedy is not null)
            .ToDictionary(sample => sample.Cell.Group, sample => sample.Greedy!);
        return
        [
            .. samples.GroupBy(sample => sample.Cell)
                .Select(cell => Of(cell.Key, [.. cell], expected.GetValueOrDefault(cell.Key.Group))),
        ];
    }

    private static Summary Of(Cell cell, Sample[] samples, int[]? expected)
    {
        int[]? greedy = samples.FirstOrDefault(sample => sample.Greedy is not null)?.Greedy;
        return new Summary(
            cell,
            Spread.Of(samples.SelectMany(sample => sample.TokensPerSecond)),
            Spread.Of(samples.Select(sample => sample.Load)),
            Spread.Of(samples.Select(sample => sample.FirstToken)),
            Spread.Of(samples.Select(sample => sample.FirstImage)),
            Spread.Of(samples.Select(sample => sample.PeakBytes / 1e6)),
            greedy is null || expected is null ? null : greedy.AsSpan().CommonPrefixLength(expected),
            samples[0].Tokens);
    }
}
