using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// Seed-exact decoding: every position has its own Gumbel vector g, a slot's code is argmax(log p + g), and a draft stands if it is that
/// code. <c>ar</c> draws with the same g, so the image is the one that <c>ar</c> draws with the same seed, whatever the window.
/// </summary>
/// <remarks>
/// This is the fixed point of a Jacobi iteration that fixed noise makes deterministic: Wiggers and Hoogeboom, "Predictive Sampling with
/// Forecasting Autoregressive Models", ICML 2020, arXiv:2002.09928. A draft stands with probability at least (1 − TV) / (1 + TV), with TV
/// the total variation between the p of two passes.
/// </remarks>
public sealed record GumbelExact : IDecodingMethod
{
    /// <summary>The method's name and guarantee.</summary>
    public static MethodDescriptor Descriptor { get; } = new(
        "exact", "one image for each seed, that of ar up to rounding, whatever the window", Exactness.SeedExact, new GumbelExact());

    MethodDescriptor IDecodingMethod.Descriptor => Descriptor;

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
}
