using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// SJD++: SJD, but a draft behind the rejection keeps its code where p/q of it exceeds a threshold, and is drawn anew from p elsewhere.
/// Lossy: a threshold on the draft's own probability selects among codes, so that a draft kept is not distributed as p.
/// </summary>
/// <remarks>
/// "SJD++", arXiv:2512.07503. With a threshold of ∞ it is <see cref="SpeculativeJacobi"/>; with a coin in place of the threshold
/// it would be <see cref="MaximalCoupling"/>, which reuses drafts without loss.
/// </remarks>
public sealed class ConfidenceReuse(DecodingOptions options) : IDecodingMethod
{
    private readonly SpeculativeJacobi _sjd = new(options);

    /// <inheritdoc/>
    public string Name => "sjd++";

    /// <inheritdoc/>
    public bool IsExact => false;

    /// <inheritdoc/>
    public int WindowSize => options.WindowSize;

    /// <inheritdoc/>
    public Verdict Verify(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        Verdict verdict = _sjd.Verify(window, random);
        for (int position = window.Start + verdict.Accepted + 1; position <= window.End; position++)
        {
            if (position == window.End || !IsConfident(window, position))
                window[position] = random.Draw(window.P(position), position, Purpose.Draw);
        }

        return verdict;
    }

    /// <inheritdoc/>
    public void Redraft(Window window, PassRandom random) => JacobiDrafting.FillFresh(window, options.Initialisation, random);

    private bool IsConfident(Window window, int position)
    {
        int draft = window[position];
        return window.P(position)[draft] > options.ReuseThreshold * window.Q(position)[draft];
    }
}
