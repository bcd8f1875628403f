using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// SJD: a draft drawn from q, which is what the pass before said of its position, stands with probability min(1, p/q), and is replaced
/// from what p has over q if it falls, so that the code committed is distributed as p.
/// </summary>
/// <remarks>
/// Teng et al., "Accelerating Auto-regressive Text-to-Image Generation with Training-free Speculative Jacobi Decoding", ICLR 2025,
/// arXiv:2410.01699.
/// </remarks>
public sealed class SpeculativeJacobi(DecodingOptions options) : IDecodingMethod
{
    /// <inheritdoc/>
    public string Name => "sjd";

    /// <inheritdoc/>
    public bool IsExact => true;

    /// <inheritdoc/>
    public int WindowSize => options.WindowSize;

    /// <inheritdoc/>
    public Verdict Verify(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        for (int position = window.Start; position < window.End; position++)
        {
            int code = Distribution.Settle(window.P(position), window.Q(position), window[position], position, random);
            if (code != window[position])
                return new Verdict(position - window.Start, code);
        }

        return new Verdict(window.Drafts, random.Draw(window.P(window.End), window.End, Purpose.Draw));
    }

    /// <inheritdoc/>
    public void Redraft(Window window, PassRandom random) => JacobiDrafting.Redraft(window, options.Initialisation, random);
}
