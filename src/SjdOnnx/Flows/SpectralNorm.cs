namespace SjdOnnx.Flows;

/// <summary>The largest singular value of a matrix, by power iteration on its Gram matrix.</summary>
internal static class SpectralNorm
{
    private const int MaxIterations = 1000;
    private const double Precision = 1e-9; // relative change of the norm at which it stands

    /// <param name="matrix">Row by row. Infinite if one of its numbers is not finite.</param>
    /// <param name="columns">Numbers of a row.</param>
    public static double Of(double[] matrix, int columns)
    {
        if (!matrix.All(double.IsFinite))
            return double.PositiveInfinity;
        var gram = new double[columns, columns];
        for (int row = 0; row < matrix.Length; row += columns)
        {
            for (int i = 0; i < columns; i++)
            {
                for (int j = 0; j < columns; j++)
                    gram[i, j] += matrix[row + i] * matrix[row + j];
            }
        }

        // Unequal numbers, so that the start is not orthogonal to the singular vector where columns are symmetric.
        double[] vector = [.. Enumerable.Range(0, columns).Select(static i => 1 + (1 / (i + 2.0)))];
        double eigenvalue = 0;
        for (int iteration = 0; iteration < MaxIterations; iteration++)
        {
            double length = Math.Sqrt(vector.Sum(static value => value * value));
            double[] unit = [.. vector.Select(value => value / length)];
            for (int i = 0; i < columns; i++)
            {
                vector[i] = 0;
                for (int j = 0; j < columns; j++)
                    vector[i] += gram[i, j] * unit[j];
            }

            double before = eigenvalue;
            eigenvalue = Math.Sqrt(vector.Sum(static value => value * value));
            if (eigenvalue == 0 || Math.Abs(eigenvalue - before) <= Precision * eigenvalue)
                break;
        }

        return Math.Sqrt(eigenvalue);
    }
}
