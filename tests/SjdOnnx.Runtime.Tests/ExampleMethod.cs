using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime.Tests;

/// <summary>
/// SJD with a lenient test: a draft stands with probability min(1, leniency · p/q). Lossy: a draft stands more often than p allows. With a
/// leniency of 1 it is <see cref="SjdOnnx.Methods.SpeculativeJacobi"/>.
/// </summary>
/// <remarks>This file is all that a decoding method needs, its option included.</remarks>
public sealed record LenientAcceptance : IDecodingMethod
{
    private static readonly MethodOption<LenientAcceptance, float> Factor = MethodOption.Number<LenientAcceptance, float>(
        "leniency", "how many times more often a draft stands than sjd lets it", 2, 1, 100,
        method => method.Leniency, (method, value) => method with { Leniency = value });

    /// <summary>The method's name, guarantee and option.</summary>
    public static MethodDescriptor Descriptor { get; } = new(
        "lenient", "as sjd, but a draft stands more often than its probability allows", Exactness.Lossy, new LenientAcceptance(), Factor);

    MethodDescriptor IDecodingMethod.Descriptor => Descriptor;

    /// <summary>How many times more often a draft stands than SJD lets it, 1 to 100.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of range.</exception>
    public float Leniency { get; init => field = Factor.Checked(value); } = Factor.Default!.Value;

    /// <inheritdoc/>
    public Verdict Verify(Window window, PassRandom random)
    {
        for (int position = window.Start; position < window.End; position++)
        {
            int draft = window[position];
            if (random.Uniform(position, Purpose.Accept) * window.Q(position)[draft] >= Leniency * window.P(position)[draft])
                return new Verdict(position - window.Start, Distribution.Replace(window.P(position), window.Q(position), position, random));
        }

        return new Verdict(window.Drafts, random.Draw(window.P(window.End), window.End, Purpose.Draw));
    }

    /// <inheritdoc/>
    public void Redraft(Window window, PassRandom random) => SjdOnnx.Methods.JacobiDrafting.Redraft(window, random);
}
