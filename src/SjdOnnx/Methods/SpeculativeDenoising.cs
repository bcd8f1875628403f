using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// SJD2: slots enter the window as noise, and each pass denoises them by a step. To the right of what is certain the model then reads
/// something between all codes in place of a single guess. It needs a model that was fine-tuned to read noise.
/// </summary>
/// <remarks>
/// <para>"Speculative Jacobi-Denoising Decoding for Accelerating Autoregressive Text-to-image Generation", NeurIPS 2025, arXiv:2510.08994.
/// Row i predicts token i + 1, so the clean estimate that a slot moves to is what the row before it says: the slot's draft.</para>
/// <para>It is exact with respect to the fine-tuned model. The pass before draws a draft from its p, whatever that pass read to the left,
/// and SJD's test keeps or replaces it, on every slot as in <see cref="MaximalCoupling"/>; so the draft is distributed as its q. A code is
/// committed with the first p for which the model read everything to its left as the very codes that are committed. Behind a slot that
/// was read as noise nothing is committed, even if its code stands.</para>
/// </remarks>
public sealed record SpeculativeDenoising : IDenoisingMethod
{
    private static readonly MaximalCoupling Coupling = new();

    // The paper takes 20 in windows of more than 80 drafts, with another redraft. With this coupling few are best (docs/decoding.md).
    private static readonly MethodOption<SpeculativeDenoising, int> Steps = MethodOption.Number<SpeculativeDenoising, int>(
        "denoising-steps", "passes that bring a slot from noise to its code", null, 1, 1024,
        method => method.DenoisingSteps, (method, value) => method with { DenoisingSteps = value });

    /// <summary>The method's name, guarantee and options.</summary>
    public static MethodDescriptor Descriptor { get; } = new(
        "sjd2", "as mc, but drafts begin as noise and are denoised pass by pass; needs a model that reads noise", Exactness.Exact,
        new SpeculativeDenoising(), Steps);

    MethodDescriptor IDecodingMethod.Descriptor => Descriptor;

    /// <summary>Passes that bring a slot from noise to its code, 1 to 1024; null takes the model's number.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of range.</exception>
    public int? DenoisingSteps { get; init => field = value is { } steps ? Steps.Checked(steps) : null; }

    private int Noise => DenoisingSteps ?? 1;

    /// <inheritdoc/>
    public IDenoisingMethod WithSteps(int steps) => this with { DenoisingSteps = steps };

    /// <inheritdoc/>
    public Verdict Verify(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        Verdict coupled = Coupling.Verify(window, random);
        int accepted = 0;
        while (accepted < coupled.Accepted && window.Step(window.Start + accepted) == 0)
            accepted++;

        NoiseSteps.Enter(window, Noise);
        return new Verdict(accepted, window[window.Start + accepted]);
    }

    /// <inheritdoc/>
    public void Redraft(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        NoiseSteps.Descend(window, Noise);
    }
}
