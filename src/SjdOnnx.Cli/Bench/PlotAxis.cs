using System.Globalization;

namespace SjdOnnx.Cli.Bench;

/// <summary>A linear axis from 0 to a round number.</summary>
internal sealed class PlotAxis
{
    private const int MostSteps = 5;
    private static readonly int[] RoundDigits = [1, 2, 5, 10];

    private readonly double _step;
    private readonly double _end;

    /// <param name="largest">The largest value to be shown, above 0.</param>
    public PlotAxis(double largest)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(largest / MostSteps)));
        _step = power * RoundDigits.First(digit => largest <= MostSteps * digit * power * (1 + 1e-9));
        _end = Math.Ceiling((largest / _step) - 1e-9) * _step;
    }

    /// <summary>Values to be marked, 0 among them.</summary>
    public IEnumerable<double> Ticks => Enumerable.Range(0, (int)Math.Round(_end / _step) + 1).Select(i => i * _step);

    /// <summary>With as many decimals as the steps need.</summary>
    public string Label(double value)
    {
        int decimals = Math.Max(0, -(int)Math.Floor(Math.Log10(_step) + 1e-9));
        return value.ToString($"F{decimals}", CultureInfo.InvariantCulture);
    }

    /// <summary>Where a value lies, 0 at the start and 1 at the end of the axis.</summary>
    public double At(double value) => value / _end;
}
