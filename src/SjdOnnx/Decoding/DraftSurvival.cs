namespace SjdOnnx.Decoding;

/// <summary>
/// A running estimate of the probability that a draft stands when it is tested: a product of two factors, one for its slot, since what has
/// just changed is the code before the window, and one for its age, the number of passes that have refined it.
/// </summary>
/// <remarks>
/// Only tests whose position was committed by them are recorded: whether a draft stood that is still open says something about
/// its code, and a window chosen by that would select among codes (the exactness lemma allows only what lies left of a slot).
/// </remarks>
public sealed class DraftSurvival
{
    // Slots and ages from these on are not told apart.
    private const int LastSlot = 4;
    private const int LastAge = 4;

    // With every pass what was seen before counts a little less, since the top of a picture is often easier than its middle; and a window
    // once closed is tried again some time.
    private const double Memory = 0.99;

    // What is believed before anything was seen, as if it had been seen this often: the built-in model under mc. With less of it, chance
    // closes windows that would have paid; with more, those that do not pay stay open too long.
    private const double PriorTests = 12;
    private static readonly double[] PriorOfSlot = [0.65, 0.8, 0.9, 0.95, 0.95];
    private static readonly double[] PriorOfAge = [0.05, 0.75, 0.95, 1, 1];

    private const double Surest = 0.995;

    private readonly double[,] _tested = new double[LastSlot + 1, LastAge + 1];
    private readonly double[,] _stood = new double[LastSlot + 1, LastAge + 1];
    private readonly double[] _ofSlot = [.. PriorOfSlot];
    private readonly double[] _ofAge = [.. PriorOfAge];

    /// <summary>The probability, 0 to below 1, that a draft stands once all those before it have.</summary>
    /// <param name="slot">Drafts before it in the window, 0 or more.</param>
    /// <param name="age">Passes that have refined it, 0 or more; between whole numbers interpolated.</param>
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

    internal void Record(int slot, int age, bool stood)
    {
        (slot, age) = (Math.Min(slot, LastSlot), Math.Min(age, LastAge));
        _tested[slot, age]++;
        _stood[slot, age] += stood ? 1 : 0;
    }

    /// <summary>
    /// Ends the pass. Each factor becomes what stood over what would have stood without it, slots and ages in turns: iterative proportional
    /// fitting, a round of it each pass.
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
