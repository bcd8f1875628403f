using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// Seed-exact decoding: every position owns a Gumbel vector g, a slot's code is argmax(log p + g), and a draft stands while it is that
/// code. As <c>ar</c> draws with the same g, the picture is the one that <c>ar</c> draws with the same seed, whatever the window.
/// </summary>
/// <remarks>
/// The fixed point of a Jacobi iteration made deterministic by fixing the noise: Wiggers and Hoogeboom, "Predictive Sampling with
/// Forecasting Autoregressive Models", ICML 2020, arXiv:2002.09928. A draft stands with probability (1 − TV) / (1 + TV) or more, TV between
/// the p of two passes.
/// </remarks>
public sealed class GumbelExact(DecodingOptions options) : IDecodingMethod
{
    /// <inheritdoc/>
    public string Name => "exact";

    /// <inheritdoc/>
    public bool IsExact => true;

    /// <inheritdoc/>
    public bool IsSeedExact => true;

    /// <inheritdoc/>
    public int WindowSize => options.WindowSize;

    /// <inheritdoc/>
    public Verdict Verify(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        int fallen = window.End;
        for (int position = window.Start; position <= window.End; position++)
        {
            int code = random.GumbelArgMax(window.P(position), position);
            if (code != window[position])
                fallen = Math.Min(fallen, position);
            window[position] = code;
        }

        return new Verdict(fallen - window.Start, window[fallen]);
    }

    /// <inheritdoc/>
    public void Redraft(Window window, PassRandom random) => JacobiDrafting.FillFresh(window, options.Initialisation, random);
}
