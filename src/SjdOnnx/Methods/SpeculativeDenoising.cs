using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// SJD2: slots enter the window as noise and are denoised a step by each pass, so that what the model reads to the right of what is certain is
/// not one guess but something between all of them. It needs a model that was fine-tuned to read noise.
/// </summary>
/// <remarks>
/// <para>"Speculative Jacobi-Denoising Decoding for Accelerating Autoregressive Text-to-image Generation", NeurIPS 2025, arXiv:2510.08994.
/// Row i predicts token i + 1, so the clean estimate that a slot moves to is what the row before it says: the slot's draft.</para>
/// <para>It is exact with respect to the fine-tuned model. A draft is drawn from the p of the pass before, whatever that pass read to its
/// left, and kept or replaced by the rejection sampler, on every slot as <see cref="MaximalCoupling"/> does; so it is distributed as its q. It
/// is committed with the first p for which everything to its left was read as the very codes that are committed: behind a slot that was read
/// as noise nothing is, even if its code stands.</para>
/// </remarks>
public sealed class SpeculativeDenoising(DecodingOptions options) : IDecodingMethod
{
    private readonly MaximalCoupling _coupling = new(options);

    /// <inheritdoc/>
    public string Name => "sjd2";

    /// <inheritdoc/>
    public bool IsExact => true;

    /// <inheritdoc/>
    public int WindowSize => options.WindowSize;

    /// <inheritdoc/>
    public int DenoisingSteps => options.DenoisingSteps;

    /// <inheritdoc/>
    public Verdict Verify(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        Verdict coupled = _coupling.Verify(window, random);
        int accepted = 0;
        while (accepted < coupled.Accepted && window.Step(window.Start + accepted) == 0)
            accepted++;

        SetStep(window, window.End, DenoisingSteps + 1); // no pass has read it yet
        return new Verdict(accepted, window[window.Start + accepted]);
    }

    /// <inheritdoc/>
    public void Redraft(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        for (int position = window.Start; position < Math.Min(window.Predicted, window.End); position++)
            SetStep(window, position, Math.Max(0, window.Step(position) - 1));

        _coupling.Redraft(window, random);
        for (int position = Math.Max(window.Predicted, window.Start); position < window.End; position++)
            SetStep(window, position, DenoisingSteps);
    }

    private static void SetStep(Window window, int position, int steps) =>
        window.SetStep(position, window.Layout.IsForced(position) ? 0 : steps);
}
