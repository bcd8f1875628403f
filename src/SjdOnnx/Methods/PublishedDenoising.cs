using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// SJD2 as its paper has it: drafts begin as noise as in <see cref="SpeculativeDenoising"/>, a timestep token tells the model how noisy
/// each of them is, and clean drafts behind a rejection stay while their probability has not halved. Lossy: whether a draft stays depends
/// on its own probability, so it is not distributed as its q.
/// </summary>
/// <remarks>
/// "Speculative Jacobi-Denoising Decoding for Accelerating Autoregressive Text-to-image Generation", NeurIPS 2025, arXiv:2510.08994. Slots
/// enter in order and all take a step in each pass, so clean slots are always left of noisy ones.
/// </remarks>
public sealed record PublishedDenoising : IDenoisingMethod
{
    private static readonly MethodOption<PublishedDenoising, int> Steps = MethodOption.Number<PublishedDenoising, int>(
        "denoising-steps", "passes that bring a slot from noise to its code", null, 1, 1024,
        method => method.DenoisingSteps, (method, value) => method with { DenoisingSteps = value });

    private static readonly MethodOption<PublishedDenoising, float> Ratio = MethodOption.Number<PublishedDenoising, float>(
        "keep-ratio", "a clean draft behind a rejection stays if its p/q is at least this", 0.5f, 0, float.MaxValue,
        method => method.KeepRatio, (method, value) => method with { KeepRatio = value });

    /// <summary>The method's name, guarantee and options.</summary>
    public static MethodDescriptor Descriptor { get; } = new(
        "sjd2-published", "as sjd2, but as published: timestep tokens, and drafts that stay by a threshold", Exactness.Lossy,
        new PublishedDenoising(), Steps, Ratio);

    MethodDescriptor IDecodingMethod.Descriptor => Descriptor;

    /// <summary>Passes that bring a slot from noise to its code, 1 to 1024; null takes the model's number.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of range.</exception>
    public int? DenoisingSteps { get; init => field = value is { } steps ? Steps.Checked(steps) : null; }

    /// <summary>
    /// A clean draft behind a rejection stays if its p/q is at least this, and is drawn again from p otherwise: a finite number, 0 or more.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, infinite or NaN.</exception>
    public float KeepRatio { get; init => field = Ratio.Checked(value); } = Ratio.Default!.Value;

    /// <inheritdoc/>
    public bool HasTimesteps => true;

    private int Noise => DenoisingSteps ?? 1;

    /// <inheritdoc/>
    public IDenoisingMethod WithSteps(int steps) => this with { DenoisingSteps = steps };

    /// <inheritdoc/>
    public Verdict Verify(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        Verdict verdict = VerifyClean(window, random);
        for (int position = window.Start + verdict.Accepted + 1; position <= window.End; position++)
        {
            // The draw for a noisy slot is what it takes its step towards.
            if (position == window.End || window.Step(position) > 0 || !Stays(window, position))
                window[position] = random.Draw(window.P(position), position, Purpose.Draw);
        }

        NoiseSteps.Enter(window, Noise);
        return verdict;
    }

    /// <inheritdoc/>
    public void Redraft(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        NoiseSteps.Descend(window, Noise);
    }

    private static Verdict VerifyClean(Window window, PassRandom random)
    {
        int position = window.Start;
        for (; position < window.End && window.Step(position) == 0; position++)
        {
            int code = Distribution.Settle(window.P(position), window.Q(position), window[position], position, random);
            if (code != window[position])
                return new Verdict(position - window.Start, code);
        }

        return new Verdict(position - window.Start, random.Draw(window.P(position), position, Purpose.Draw));
    }

    private bool Stays(Window window, int position)
    {
        int draft = window[position];
        return window.P(position)[draft] >= KeepRatio * window.Q(position)[draft];
    }
}
