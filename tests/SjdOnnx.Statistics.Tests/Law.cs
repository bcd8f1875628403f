using SjdOnnx.Decoding;
using SjdOnnx.Tests;

namespace SjdOnnx.Statistics.Tests;

/// <summary>
/// Compares images with the distributions that the model has for their codes. The results are standard normal deviates if the codes were
/// drawn from these distributions.
/// </summary>
internal sealed class Law
{
    private const int Bins = 20;

    // Orders in which a distribution is summed up; each shows other mistakes.
    private static readonly string[] Orders = ["by code", "by probability", "shuffled"];

    private readonly TokenLayout _layout;
    private readonly Random _dice;
    private readonly int[] _shuffled;
    private readonly List<double[][]> _integrals = []; // by image, then order: [image codes]
    private readonly List<DrawnImage> _images = [];
    private double _distance;
    private int _windows;
    private double _surprise;
    private double _variance;

    /// <param name="dice">
    /// For this law alone, because laws that are compared would otherwise share their random numbers, and one for all its images, because
    /// generators of neighboring seeds begin alike.
    /// </param>
    public Law(TokenLayout layout, Random dice)
    {
        (_layout, _dice) = (layout, dice);
        _shuffled = [.. Enumerable.Range(0, layout.Codes)];
        new Random(9).Shuffle(_shuffled);
    }

    public int Tokens => _images.Count * _layout.ImageTokens;

    /// <summary>The mean total variation between the first row of a window and the same row when the finished image is read.</summary>
    public double WindowDistance => _distance / _windows;

    /// <summary>Σ (−log p(x) − entropy) over its standard deviation: a martingale, because each code is drawn from its p.</summary>
    public double LogLikelihood => _surprise / Math.Sqrt(_variance);

    /// <summary>
    /// How often drafts stood, compared with how often they should, Σ min(p, q). It shows whether drafts were drawn from the q that is
    /// recorded.
    /// </summary>
    public double Acceptance
    {
        get
        {
            double excess = 0, variance = 0;
            foreach ((double probability, bool stood) in _images.SelectMany(image => image.Witness.Tested))
            {
                excess += (stood ? 1 : 0) - probability;
                variance += probability * (1 - probability);
            }

            return variance > 0 ? excess / Math.Sqrt(variance) : 0;
        }
    }

    /// <param name="image">An image.</param>
    /// <param name="distributions">[image codes × codes]: what its codes should be drawn from.</param>
    public void Add(DrawnImage image, float[][] distributions)
    {
        double[][] integrals = [.. Orders.Select(_ => new double[_layout.ImageTokens])];
        for (int index = 0; index < distributions.Length; index++)
        {
            float[] p = distributions[index];
            int code = image.Codes[index];
            AddSurprise(p, code);
            double jitter = _dice.NextDouble();
            integrals[0][index] = Below(p, code, static (_, other, code) => other < code) + (jitter * p[code]);
            integrals[1][index] = Below(p, code, IsMoreProbable) + (jitter * p[code]);
            integrals[2][index] = Below(p, code, (_, other, code) => _shuffled[other] < _shuffled[code]) + (jitter * p[code]);
            if (image.Witness.First[index] is { } seen)
                (_distance, _windows) = (_distance + (seen.Zip(p, static (a, b) => Math.Abs(a - b)).Sum() / 2), _windows + 1);
        }

        _images.Add(image);
        _integrals.Add(integrals);
    }

    /// <summary>
    /// Randomized probability integral transforms. If the codes are drawn from their distributions, these are uniform and independent
    /// over all codes, and in every part that is decided before the code is.
    /// </summary>
    public IEnumerable<(string What, double Z)> Transforms()
    {
        for (int order = 0; order < Orders.Length; order++)
        {
            string name = Orders[order];
            yield return ($"{name}, all", Uniformity(order, static (_, _) => true));
            yield return ($"{name}, Kolmogorov", Kolmogorov(order));
            yield return ($"{name}, with the code before", Correlation(order, 1));
            yield return ($"{name}, with the code above", Correlation(order, _layout.Columns));
        }

        for (int row = 0; row < _layout.Rows; row++)
            yield return ($"row {row}", Uniformity(1, (_, index) => index / _layout.Columns == row));
        for (int column = 0; column < _layout.Columns; column++)
            yield return ($"column {column}", Uniformity(1, (_, index) => index % _layout.Columns == column));
        foreach ((int from, int to) in ((int, int)[])[(0, 0), (1, 1), (2, 3), (4, 7), (8, 15), (16, int.MaxValue)])
        {
            double z = Uniformity(1, (image, index) => image.Witness.Place[index] >= from && image.Witness.Place[index] <= to);
            yield return ($"place {from} to {to} in a pass", z);
        }

        yield return ("after the last draft", Uniformity(1, static (image, index) => image.Witness.IsBonus[index]));
    }

    private void AddSurprise(float[] p, int code)
    {
        double entropy = 0, square = 0;
        foreach (float probability in p)
        {
            if (probability <= 0)
                continue;

            double log = Math.Log(probability);
            entropy -= probability * log;
            square += probability * log * log;
        }

        _surprise += -Math.Log(p[code]) - entropy;
        _variance += square - (entropy * entropy);
    }

    private static bool IsMoreProbable(float[] p, int other, int code) => p[other] > p[code] || (p[other] == p[code] && other < code);

    private static double Below(float[] p, int code, Func<float[], int, int, bool> isBelow)
    {
        double sum = 0;
        for (int other = 0; other < p.Length; other++)
            sum += isBelow(p, other, code) ? p[other] : 0;
        return sum;
    }

    private IEnumerable<double> Of(int order, Func<DrawnImage, int, bool> belongs)
    {
        for (int i = 0; i < _images.Count; i++)
        {
            for (int index = 0; index < _layout.ImageTokens; index++)
            {
                if (belongs(_images[i], index))
                    yield return _integrals[i][order][index];
            }
        }
    }

    private double Uniformity(int order, Func<DrawnImage, int, bool> belongs)
    {
        var counts = new long[Bins];
        foreach (double integral in Of(order, belongs))
            counts[Math.Clamp((int)(integral * Bins), 0, Bins - 1)]++;
        // A part of the images that is too small to be tested is left out.
        return counts.Sum() < 10 * Bins ? 0 : GoodnessOfFit.Of(counts, Enumerable.Repeat(1.0 / Bins, Bins).ToArray()).Z;
    }

    /// <summary>The largest distance between the distribution functions, as the deviate of the same two-sided significance.</summary>
    private double Kolmogorov(int order)
    {
        double[] sorted = [.. Of(order, static (_, _) => true).Order()];
        double distance = 0;
        for (int i = 0; i < sorted.Length; i++)
            distance = Math.Max(distance, Math.Max(sorted[i] - ((double)i / sorted.Length), ((i + 1.0) / sorted.Length) - sorted[i]));
        return Deviate(distance * Math.Sqrt(sorted.Length));
    }

    /// <summary>
    /// The standard normal deviate that is as significant, two-sided, as Kolmogorov's statistic: 2 exp(−2 x²) = 2 (1 − Φ(z)). Both formulas
    /// fail below 1, where nothing is significant.
    /// </summary>
    private static double Deviate(double statistic)
    {
        (double low, double high) = (1, 40);
        while (high - low > 1e-6)
        {
            double z = (low + high) / 2;
            double logTail = (-z * z / 2) - Math.Log((z + (1 / (z + (2 / (z + (3 / (z + (4 / z)))))))) * Math.Sqrt(2 * Math.PI));
            (low, high) = logTail > -2 * statistic * statistic ? (z, high) : (low, z);
        }

        return low;
    }

    private double Correlation(int order, int lag)
    {
        double sum = 0;
        long pairs = 0;
        foreach (double[][] integrals in _integrals)
        {
            double[] u = integrals[order];
            for (int index = lag; index < u.Length; index++, pairs++)
                sum += (u[index] - 0.5) * (u[index - lag] - 0.5) * 12;
        }

        return sum / Math.Sqrt(pairs);
    }
}
