using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// MC-SJD: the rejection sampler on every slot, not only up to the first that falls. A draft behind a rejection then keeps its code as
/// often as any coupling of two draws can, instead of being drawn anew, so contexts settle and windows may be wide.
/// </summary>
/// <remarks>
/// "MC-SJD: Maximal Coupling Speculative Jacobi Decoding", arXiv:2510.24211; the same algorithm is the adaptive continuation of
/// SJD-PAC, arXiv:2603.18599. As the papers have it, and unlike code released with one of them, the q of every slot still open becomes this
/// pass's p.
/// </remarks>
public sealed class MaximalCoupling(DecodingOptions options) : IDecodingMethod
{
    /// <inheritdoc/>
    public string Name => "mc";

    /// <inheritdoc/>
    public bool IsExact => true;

    /// <inheritdoc/>
    public int WindowSize => options.WindowSize;

    /// <inheritdoc/>
    public Verdict Verify(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        int fallen = window.End;
        for (int position = window.Start; position < window.End; position++)
        {
            int code = Distribution.Settle(window.P(position), window.Q(position), window[position], position, random);
            if (code != window[position] && fallen == window.End)
                fallen = position;
            window[position] = code;
        }

        window[window.End] = random.Draw(window.P(window.End), window.End, Purpose.Draw);
        return new Verdict(fallen - window.Start, window[fallen]);
    }

    /// <inheritdoc/>
    public void Redraft(Window window, PassRandom random) => JacobiDrafting.FillFresh(window, options.Initialisation, random);
}
