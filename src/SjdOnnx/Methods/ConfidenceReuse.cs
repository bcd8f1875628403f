using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// SJD++: SJD, but a draft behind the rejection keeps its code if its p/q exceeds a threshold, and is drawn again from p otherwise.
/// Lossy: a threshold on the draft's own probability selects among codes, so a kept draft is not distributed as p.
/// </summary>
/// <remarks>
/// "SJD++", arXiv:2512.07503. With a threshold of infinity it would be <see cref="SpeculativeJacobi"/>. With a random number in place of
/// the threshold it would be <see cref="MaximalCoupling"/>, which reuses drafts without loss.
/// </remarks>
public sealed record ConfidenceReuse : IDecodingMethod
{
    private static readonly SpeculativeJacobi Sjd = new();

    // We do not know the paper's value. 0.1 is what a port of the method to text found best.
    private static readonly MethodOption<ConfidenceReuse, float> Threshold = MethodOption.Number<ConfidenceReuse, float>(
        "reuse-threshold", "a draft behind a rejection stays if its p/q is above this", 0.1f, 0, float.MaxValue,
        method => method.ReuseThreshold, (method, value) => method with { ReuseThreshold = value });

    /// <summary>The method's name, guarantee and options.</summary>
    public static MethodDescriptor Descriptor { get; } = new(
        "sjd++", "as sjd, but behind a rejection drafts stay while their probability has not fallen far", Exactness.Lossy,
        new ConfidenceReuse(), Threshold);

    MethodDescriptor IDecodingMethod.Descriptor => Descriptor;

    /// <summary>A draft behind a rejection stays if its p/q is above this: a finite number, 0 or more. 0 keeps nearly all drafts.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, infinite or NaN.</exception>
    public float ReuseThreshold { get; init => field = Threshold.Checked(value); } = Threshold.Default!.Value;

    /// <inheritdoc/>
    public Verdict Verify(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        Verdict verdict = Sjd.Verify(window, random);
        for (int position = window.Start + verdict.Accepted + 1; position <= window.End; position++)
        {
            if (position == window.End || !IsConfident(window, position))
                window[position] = random.Draw(window.P(position), position, Purpose.Draw);
        }

        return verdict;
    }

    private bool IsConfident(Window window, int position)
    {
        int draft = window[position];
        return window.P(position)[draft] > ReuseThreshold * window.Q(position)[draft];
    }
}
