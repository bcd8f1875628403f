namespace SjdOnnx.Cli.Bench;

/// <summary>Quantiles of a sample.</summary>
internal static class Quantile
{
    /// <summary>Between two values that lie around it, in proportion (Hyndman and Fan's type 7, that of NumPy and R).</summary>
    /// <param name="values">One or more, in any order.</param>
    /// <param name="share">0 is the least value, 1 the greatest.</param>
    public static double Of(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        double at = share * (sorted.Length - 1);
        int below = (int)at;
        int above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + ((at - below) * (sorted[above] - sorted[below]));
    }

    public static double Median(IEnumerable<double> values) => Of(values, 0.5);
}
