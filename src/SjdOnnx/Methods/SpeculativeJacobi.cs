using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// SJD: the pass before drew a draft from q. The draft stands with probability min(1, p/q); otherwise a draw from the residual
/// max(0, p − q) replaces it. So the committed code is distributed as p.
/// </summary>
/// <remarks>
/// Teng et al., "Accelerating Auto-regressive Text-to-Image Generation with Training-free Speculative Jacobi Decoding", ICLR 2025,
/// arXiv:2410.01699.
/// </remarks>
public sealed record SpeculativeJacobi : IDecodingMethod
{
    /// <summary>The method's name and guarantee.</summary>
    public static MethodDescriptor Descriptor { get; } = new(
        "sjd", "a draft stands with probability min(1, p/q), else a code from the residual replaces it", Exactness.Exact,
        new SpeculativeJacobi());

    MethodDescriptor IDecodingMethod.Descriptor => Descriptor;

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
    public void Redraft(Window window, PassRandom random) => JacobiDrafting.Redraft(window, random);
}
