using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// Jacobi decoding with a fixed number of iterations: the iteration of <see cref="GumbelExact"/>, but a draft that so many passes have
/// refined is committed whether or not it has converged. Lossy: such a code was drawn given drafts that have changed since.
/// </summary>
/// <remarks>
/// The early exit of CEED-VLA, arXiv:2506.13725, whose greedy iteration this is at temperature 0. With more iterations than the window has
/// drafts it is <see cref="GumbelExact"/>: in so many passes every draft converges.
/// </remarks>
public sealed class EarlyExit(DecodingOptions options) : IDecodingMethod
{
    /// <inheritdoc/>
    public string Name => "early-exit";

    /// <inheritdoc/>
    public bool IsExact => false;

    /// <inheritdoc/>
    public int WindowSize => options.WindowSize;

    /// <inheritdoc/>
    public Verdict Verify(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        int fallen = window.Start;
        int code = random.GumbelArgMax(window.P(fallen), fallen);
        while (fallen < window.End && (code == window[fallen] || window.Age(fallen) >= options.Iterations))
        {
            fallen++;
            code = random.GumbelArgMax(window.P(fallen), fallen);
        }

        for (int position = fallen + 1; position <= window.End; position++)
            window[position] = random.GumbelArgMax(window.P(position), position);
        return new Verdict(fallen - window.Start, code);
    }

    /// <inheritdoc/>
    public void Redraft(Window window, PassRandom random) => JacobiDrafting.FillFresh(window, options.Initialisation, random);
}
