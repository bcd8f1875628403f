namespace SjdOnnx.Windows;

/// <summary>How long a forward pass takes, by the number of drafts that each image brings.</summary>
/// <remarks>
/// Times are interpolated between the measured windows, and extrapolated from the last two beyond them. Where a measured time falls
/// although the drafts rise, something disturbed the earlier measurement (nothing makes a pass seem shorter than it is), so both count as
/// the lower time.
/// </remarks>
public sealed class PassCosts
{
    private readonly int[] _drafts;
    private readonly double[] _seconds;

    /// <summary>A table of measured passes.</summary>
    /// <param name="measured">Drafts per image, rising from 0, and the seconds of a pass: at least two entries.</param>
    /// <exception cref="ArgumentException">
    /// The table does not begin with 0 drafts, does not rise, or has a time that is not above 0.
    /// </exception>
    public PassCosts(IReadOnlyList<(int Drafts, double Seconds)> measured)
    {
        ArgumentNullException.ThrowIfNull(measured);
        if (measured.Count < 2 || measured[0].Drafts != 0)
            throw new ArgumentException("A table of pass costs begins with 0 drafts and has at least two entries.", nameof(measured));

        _drafts = [.. measured.Select(entry => entry.Drafts)];
        _seconds = [.. measured.Select(entry => entry.Seconds)];
        for (int i = 0; i < measured.Count; i++)
        {
            if (i > 0 && _drafts[i] <= _drafts[i - 1])
            {
                throw new ArgumentException(
                    $"Drafts must rise from entry to entry; {_drafts[i]} follows {_drafts[i - 1]}.", nameof(measured));
            }

            if (!(_seconds[i] > 0 && double.IsFinite(_seconds[i])))
                throw new ArgumentException($"A pass of {_drafts[i]} drafts cannot take {_seconds[i]} seconds.", nameof(measured));
        }

        for (int i = measured.Count - 2; i >= 0; i--)
            _seconds[i] = Math.Min(_seconds[i], _seconds[i + 1]);
    }

    /// <summary>The measured windows in drafts, rising from 0.</summary>
    public IReadOnlyList<int> Drafts => _drafts;

    /// <summary>Seconds of a pass in which every image brings this many drafts, 0 or more.</summary>
    public double Seconds(int drafts)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(drafts);
        int above = 1;
        while (above < _drafts.Length - 1 && _drafts[above] < drafts)
            above++;
        if (drafts == _drafts[above])
            return _seconds[above];

        double slope = (_seconds[above] - _seconds[above - 1]) / (_drafts[above] - _drafts[above - 1]);
        return _seconds[above - 1] + ((drafts - _drafts[above - 1]) * slope);
    }
}
