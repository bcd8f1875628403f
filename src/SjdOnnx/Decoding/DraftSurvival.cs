namespace SjdOnnx.Decoding;

/// <summary>A running estimate of the probability that a draft stands when it is tested, by how many passes have refined it.</summary>
/// <remarks>
/// Only tests whose position was committed by them are recorded: whether a draft stood that is still open says something about
/// its code, and a window chosen by that would select among codes (the exactness lemma allows only what lies left of a slot).
/// </remarks>
public sealed class DraftSurvival
{
    /// <summary>Ages from 0 to this are told apart; older drafts count as this old.</summary>
    public const int OldestAge = 12;

    // Every pass, what was seen before counts a little less: the top of a picture is often easier than its middle.
    private const double Memory = 0.97;

    // What is believed before anything was seen, as if it had been seen this often. Hopeful about old drafts: a window too small would
    // never see one.
    private const double PriorWeight = 3;

    private readonly double[] _tested = new double[OldestAge + 1];
    private readonly double[] _stood = new double[OldestAge + 1];

    /// <summary>The probability, above 0 and below 1, that a draft of this age stands; between ages interpolated.</summary>
    /// <param name="age">Passes that have refined the draft, 0 or more.</param>
    public double Of(double age)
    {
        double within = Math.Min(age, OldestAge);
        int below = (int)within;
        double at = Estimate(below);
        return below == OldestAge ? at : at + ((within - below) * (Estimate(below + 1) - at));
    }

    internal void NextPass()
    {
        for (int age = 0; age <= OldestAge; age++)
        {
            _tested[age] *= Memory;
            _stood[age] *= Memory;
        }
    }

    internal void Record(int age, bool stood)
    {
        age = Math.Min(age, OldestAge);
        _tested[age]++;
        _stood[age] += stood ? 1 : 0;
    }

    private double Estimate(int age) => (_stood[age] + (PriorWeight * Prior(age))) / (_tested[age] + PriorWeight);

    private static double Prior(int age) => 0.9 - (0.8 / (1 + age));
}
