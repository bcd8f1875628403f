using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>Jacobi decoding: a draft stands if the model draws the same code again.</summary>
/// <remarks>
/// Song et al., "Accelerating Feedforward Computation via Parallel Nonlinear Equation Solving", ICML 2021, arXiv:2002.03629.
/// It is exact at any temperature, because every committed token is a fresh draw. It is fast at temperature 0 only, because two draws
/// rarely coincide.
/// </remarks>
public sealed record Jacobi : IDecodingMethod
{
    /// <summary>The method's name and guarantee.</summary>
    public static MethodDescriptor Descriptor { get; } =
        new("jacobi", "a draft stands if a fresh draw equals it", Exactness.Exact, new Jacobi());

    MethodDescriptor IDecodingMethod.Descriptor => Descriptor;

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
    public void Redraft(Window window, PassRandom random) => JacobiDrafting.Redraft(window, random);
}
