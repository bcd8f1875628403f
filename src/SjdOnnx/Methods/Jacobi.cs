using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>Jacobi decoding: a draft stands if the model, drawing afresh, draws the same code.</summary>
/// <remarks>
/// Song et al., "Accelerating Feedforward Computation via Parallel Nonlinear Equation Solving", ICML 2021, arXiv:2002.03629.
/// Exact at any temperature, since every token committed is a fresh draw; fast at 0 only, because two draws rarely coincide.
/// </remarks>
public sealed class Jacobi(DecodingOptions options) : IDecodingMethod
{
    /// <inheritdoc/>
    public string Name => "jacobi";

    /// <inheritdoc/>
    public bool IsExact => true;

    /// <inheritdoc/>
    public int WindowSize => options.WindowSize;

    /// <inheritdoc/>
    public Verdict Verify(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        int position = window.Start;
        int code = random.Draw(window.P(position), position, Purpose.Draw);
        while (position < window.End && code == window[position])
        {
            position++;
            code = random.Draw(window.P(position), position, Purpose.Draw);
        }

        return new Verdict(position - window.Start, code);
    }

    /// <inheritdoc/>
    public void Redraft(Window window, PassRandom random) => JacobiDrafting.Redraft(window, options.Initialisation, random);
}
