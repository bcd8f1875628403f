namespace SjdOnnx.Actions;

/// <summary>
/// Actions as tokens, as in OpenVLA (arXiv 2406.09246): the range [-1, 1] has 255 intervals between 256 edges, and the ids of the bins are
/// the last of the vocabulary, in falling order.
/// </summary>
public sealed class ActionTokens
{
    /// <summary>Edges of the intervals, and ids of actions.</summary>
    public const int Bins = 256;

    private static readonly double[] Edges = [.. Enumerable.Range(0, Bins - 1).Select(static i => -1 + (i * (2.0 / (Bins - 1)))), 1];

    private readonly double[] _low, _high;
    private readonly bool[] _mask;

    /// <param name="endOfBins">The id after the last one of an action: OpenVLA's 32000.</param>
    /// <param name="low">The value at -1 in each dimension (q01).</param>
    /// <param name="high">The value at 1 (q99).</param>
    /// <param name="mask">Whether a dimension is scaled; the others are values from -1 to 1 as they are.</param>
    /// <param name="gripper">What the last dimension means.</param>
    /// <exception cref="ArgumentException">The lists have no or different lengths, or a scaled range is empty or not finite.</exception>
    public ActionTokens(
        int endOfBins, IReadOnlyList<double> low, IReadOnlyList<double> high, IReadOnlyList<bool> mask, GripperConvention gripper)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(endOfBins, Bins);
        if (low.Count == 0 || low.Count != high.Count || low.Count != mask.Count)
        {
            throw new ArgumentException(
                $"There are {low.Count} lows, {high.Count} highs and {mask.Count} masks; give one of each for each dimension.",
                nameof(low));
        }

        for (int i = 0; i < low.Count; i++)
        {
            if (mask[i] && !(low[i] < high[i] && double.IsFinite(high[i] - low[i])))
                throw new ArgumentException(
                    $"Dimension {i} is from {low[i]} to {high[i]}; the first must be below the second.", nameof(low));
        }

        (EndOfBins, _low, _high, _mask, Gripper) = (endOfBins, [.. low], [.. high], [.. mask], gripper);
    }

    /// <summary>The id after the last one of an action.</summary>
    public int EndOfBins { get; }

    /// <summary>Numbers in an action.</summary>
    public int Dimensions => _low.Length;

    /// <summary>What the last dimension means.</summary>
    public GripperConvention Gripper { get; }

    /// <summary>The numbers that ids stand for. An id that is no action's counts as the nearest bin, as in OpenVLA.</summary>
    /// <param name="ids">Those of one action or several.</param>
    /// <returns>One list of numbers for each action.</returns>
    /// <exception cref="ArgumentException">The ids are not those of whole actions.</exception>
    public double[][] Decode(IReadOnlyList<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        if (ids.Count % Dimensions != 0)
            throw new ArgumentException($"There are {ids.Count} ids; a multiple of {Dimensions} is needed.", nameof(ids));
        var actions = new double[ids.Count / Dimensions][];
        for (int i = 0; i < actions.Length; i++)
            actions[i] = [.. Enumerable.Range(0, Dimensions).Select(dimension => Value(ids[(i * Dimensions) + dimension], dimension))];
        return actions;
    }

    /// <summary>The ids of an action's numbers; values out of their range count as its nearest end.</summary>
    /// <exception cref="ArgumentException">There are more or fewer numbers than dimensions, or one is not a number.</exception>
    public int[] Encode(IReadOnlyList<double> action)
    {
        ArgumentNullException.ThrowIfNull(action);
        if (action.Count != Dimensions || action.Any(double.IsNaN))
            throw new ArgumentException($"An action has {Dimensions} numbers; these are {string.Join(", ", action)}.", nameof(action));
        return [.. action.Select((value, dimension) => Id(value, dimension))];
    }

    private double Value(int id, int dimension)
    {
        int interval = (int)Math.Clamp((long)EndOfBins - id - 1, 0, Bins - 2);
        double value = (Edges[interval] + Edges[interval + 1]) / 2;
        if (_mask[dimension])
            value = (0.5 * (value + 1) * (_high[dimension] - _low[dimension])) + _low[dimension];
        return dimension == Dimensions - 1 && Gripper == GripperConvention.Libero ? -Math.Sign((2 * value) - 1) : value;
    }

    private int Id(double value, int dimension)
    {
        if (dimension == Dimensions - 1 && Gripper == GripperConvention.Libero)
            value = (1 - value) / 2;
        if (_mask[dimension])
            value = (2 * (value - _low[dimension]) / (_high[dimension] - _low[dimension])) - 1;
        int place = Array.BinarySearch(Edges, Math.Clamp(value, -1, 1));
        return EndOfBins - (place >= 0 ? place + 1 : ~place); // the number of edges up to the value
    }
}

/// <summary>What an action's last number means.</summary>
public enum GripperConvention
{
    /// <summary>What the model says.</summary>
    None,

    /// <summary>The model says 0 for closed and 1 for open, and the robot of LIBERO wants 1 for closed and -1 for open.</summary>
    Libero,
}
