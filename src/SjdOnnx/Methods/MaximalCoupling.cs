using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// MC-SJD: SJD's test on every slot, not only up to the first draft that falls. A draft behind a rejection then keeps its code as often as
/// any coupling of two draws allows, so contexts settle and windows may be wide.
/// </summary>
/// <remarks>
/// "MC-SJD: Maximal Coupling Speculative Jacobi Decoding", arXiv:2510.24211; SJD-PAC, arXiv:2603.18599, calls the same algorithm adaptive
/// continuation. As in the papers, and unlike the code released with one of them, the q of every open slot becomes this pass's p.
/// </remarks>
public sealed record MaximalCoupling : IDecodingMethod
{
    /// <summary>The method's name and guarantee.</summary>
    public static MethodDescriptor Descriptor { get; } = new(
        "mc", "as sjd, but behind a rejection drafts stay as often as they can", Exactness.Exact, new MaximalCoupling());

    MethodDescriptor IDecodingMethod.Descriptor => Descriptor;

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
}
