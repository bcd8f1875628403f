using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// Jacobi decoding with a limited number of iterations: the iteration of <see cref="GumbelExact"/>, but a draft that enough passes have
/// refined is committed whether or not it has converged. Lossy: such a code was drawn given drafts that have changed since.
/// </summary>
/// <remarks>
/// The early exit of CEED-VLA, arXiv:2506.13725, whose greedy iteration this is at temperature 0. If <see cref="Iterations"/> exceeds the
/// window's drafts, it is <see cref="GumbelExact"/>, because every draft converges in that many passes.
/// </remarks>
public sealed record EarlyExit : IDecodingMethod
{
    // CEED-VLA uses 16, or 8 for speed, in windows of 22 and 36 drafts.
    private static readonly MethodOption<EarlyExit, int> MaxIterations = MethodOption.Number<EarlyExit, int>(
        "iterations", "passes that refine a draft before it is committed as it is", 8, 1, 1024,
        method => method.Iterations, (method, value) => method with { Iterations = value });

    /// <summary>The method's name, guarantee and options.</summary>
    public static MethodDescriptor Descriptor { get; } = new(
        "early-exit", "as exact, but a draft is committed after some passes whether or not it has converged", Exactness.Lossy,
        new EarlyExit(), MaxIterations);

    MethodDescriptor IDecodingMethod.Descriptor => Descriptor;

    /// <summary>Passes that refine a draft before it is committed as it is, 1 to 1024.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of range.</exception>
    public int Iterations { get; init => field = MaxIterations.Checked(value); } = MaxIterations.Default!.Value;

    /// <inheritdoc/>
    public Verdict Verify(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        int fallen = window.Start;
        int code = random.GumbelArgMax(window.P(fallen), fallen);
        while (fallen < window.End && (code == window[fallen] || window.Age(fallen) >= Iterations))
        {
            fallen++;
            code = random.GumbelArgMax(window.P(fallen), fallen);
        }

        for (int position = fallen + 1; position <= window.End; position++)
            window[position] = random.GumbelArgMax(window.P(position), position);
        return new Verdict(fallen - window.Start, code);
    }
}
