namespace SjdOnnx.Decoding;

/// <summary>
/// A running estimate of the probability that a draft stands when it is tested. It is the product of two factors. One depends on the
/// draft's slot, because the code before the window has just changed and slots near it suffer most. The other depends on the draft's age,
/// the number of passes that have refined it.
/// </summary>
/// <remarks>
/// Only tests of positions that the pass committed are recorded. Whether a draft stood that is still open depends on its code. A window
/// that is chosen by that would select among codes, and sampling would no longer be exact: a choice may depend on committed positions only.
/// </remarks>
public sealed class DraftSurvival
{
    // Slots and ages from these on share an entry.
    private const int LastSlot = 4;
    private const int LastAge = 4;

    // In every pass, older tests lose some of their weight. The top of an image is often easier than its middle, and a window that was
    // closed should be tried again later.
    private const double Memory = 0.99;

    // The prior, weighted as this many tests. It lies a little below what drafts of sjd, mc and exact come to on the built-in model,
    // because a first window that is too small costs less than one that is too large. With a lower weight, chance closes windows that
    // would have paid. With a higher weight, windows that do not pay stay open too long.
    private const double PriorTests = 10;
    private static readonly double[] PriorOfSlot = [0.65, 0.75, 0.82, 0.87, 0.9];
    private static readonly double[] PriorOfAge = [0.05, 0.65, 0.85, 0.95, 1];

    private const double Surest = 0.995;

    private readonly double[,] _tested = new double[LastSlot + 1, LastAge + 1];
    private readonly double[,] _stood = new double[LastSlot + 1, LastAge + 1];
    private readonly double[] _ofSlot = [.. PriorOfSlot];
    private readonly double[] _ofAge = [.. PriorOfAge];

    /// <summary>The probability, 0 to below 1, that a draft stands if all drafts before it stand.</summary>
    /// <param name="slot">The number of drafts before it in the window, 0 or more.</param>
    /// <param name="age">The number of passes that have refined it, 0 or more. The estimate is interpolated between whole numbers.</param>
    public double Of(int slot, double age)
    {
        double within = Math.Min(age, LastAge);
        int below = Math.Min((int)within, LastAge - 1);
        double ofAge = _ofAge[below] + ((within - below) * (_ofAge[below + 1] - _ofAge[below]));
        return Math.Min(Surest, _ofSlot[Math.Min(slot, LastSlot)] * ofAge);
    }

    /// <summary>Begins a pass.</summary>
    internal void NextPass()
    {
        for (int slot = 0; slot <= LastSlot; slot++)
        {
            for (int age = 0; age <= LastAge; age++)
                (_tested[slot, age], _stood[slot, age]) = (_tested[slot, age] * Memory, _stood[slot, age] * Memory);
        }
    }

    /// <summary>Counts a tested draft.</summary>
    internal void Record(int slot, int age, bool stood)
    {
        (slot, age) = (Math.Min(slot, LastSlot), Math.Min(age, LastAge));
        _tested[slot, age]++;
        _stood[slot, age] += stood ? 1 : 0;
    }

    /// <summary>
    /// Ends the pass with one round of iterative proportional fitting, first of the slots, then of the ages. Each factor becomes the number
    /// of drafts that stood, divided by the number that would have stood without the factor.
    /// </summary>
    internal void Fit()
    {
        for (int slot = 0; slot <= LastSlot; slot++)
        {
            (double stood, double expected) = (PriorTests * PriorOfSlot[slot], PriorTests);
            for (int age = 0; age <= LastAge; age++)
                (stood, expected) = (stood + _stood[slot, age], expected + (_tested[slot, age] * _ofAge[age]));
            _ofSlot[slot] = stood / expected;
        }

        for (int age = 0; age <= LastAge; age++)
        {
            (double stood, double expected) = (PriorTests * PriorOfAge[age], PriorTests);
            for (int slot = 0; slot <= LastSlot; slot++)
                (stood, expected) = (stood + _stood[slot, age], expected + (_tested[slot, age] * _ofSlot[slot]));
            _ofAge[age] = stood / expected;
        }
    }
}
