using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Methods;

/// <summary>A method written outside the library: every slot is settled, not only those up to the first rejection.</summary>
/// <remarks>MC-SJD, arXiv:2510.24211. Shows that Verify may prepare the drafts of the next pass.</remarks>
internal sealed class MaximalCoupling(DecodingOptions options) : IDecodingMethod
{
    public string Name => "outside-mc";

    public bool IsExact => true;

    public int WindowSize => options.WindowSize;

    public Verdict Verify(Window window, PassRandom random)
    {
        int accepted = 0;
        bool unbroken = true;
        for (int position = window.Start; position < window.End; position++)
        {
            int code = Distribution.Settle(window.P(position), window.Q(position), window[position], position, random);
            unbroken &= code == window[position];
            accepted += unbroken ? 1 : 0;
            window[position] = code;
        }

        window[window.End] = random.Draw(window.P(window.End), window.End, Purpose.Draw);
        return new Verdict(accepted, window[window.Start + accepted]);
    }

    public void Redraft(Window window, PassRandom random) => JacobiDrafting.FillFresh(window, options.Initialisation, random);
}

/// <summary>Another: the draft stands while it is the code that autoregressive decoding would draw with the same Gumbel vector.</summary>
internal sealed class SharedGumbel(DecodingOptions options) : IDecodingMethod
{
    public string Name => "outside-gumbel";

    public bool IsExact => true;

    public int WindowSize => options.WindowSize;

    public Verdict Verify(Window window, PassRandom random)
    {
        int accepted = 0;
        bool unbroken = true;
        for (int position = window.Start; position <= window.End; position++)
        {
            int code = random.GumbelArgMax(window.P(position), position);
            unbroken &= position < window.End && code == window[position];
            accepted += unbroken ? 1 : 0;
            window[position] = code;
        }

        return new Verdict(accepted, window[window.Start + accepted]);
    }

    public void Redraft(Window window, PassRandom random) => JacobiDrafting.FillFresh(window, options.Initialisation, random);
}

/// <summary>SJD with first guesses that are point masses: one stubborn code everywhere, or any code treated as known.</summary>
/// <param name="stubborn">The code always guessed; null for one drawn uniformly.</param>
internal sealed class PointMassGuesses(DecodingOptions options, int? stubborn) : IDecodingMethod
{
    private readonly SpeculativeJacobi _sjd = new(options);

    public string Name => "outside-point-mass";

    public bool IsExact => true;

    public int WindowSize => options.WindowSize;

    public Verdict Verify(Window window, PassRandom random) => _sjd.Verify(window, random);

    public void Redraft(Window window, PassRandom random)
    {
        int fresh = Math.Max(window.Predicted, window.Start);
        _sjd.Redraft(window, random);
        for (int position = fresh; position < window.End; position++)
        {
            if (!window.Layout.IsForced(position))
                window[position] = Distribution.PointMass(window.Q(position), stubborn ?? window[position]);
        }
    }
}
