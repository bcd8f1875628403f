namespace SjdOnnx.Decoding;

/// <summary>Chooses the window that settles the most tokens per second, from what passes cost here and how drafts have fared so far.</summary>
/// <remarks>
/// <para>A draft enters the window at its far end and is refined by every pass until it is tested, so a slot's prospects depend on its age,
/// and the ages depend on the window: with w drafts and r tokens committed per pass the draft in slot i has age (w − i) / r. With A(a)
/// the probability that a draft of age a stands,</para>
/// <code>  r = 1 + Σₖ Πᵢ₌₀…ₖ A((w − i) / r),   k = 0 … w − 1,</code>
/// <para>is solved for r by iteration, and the w with the largest r / seconds(w) wins. 0 drafts, one token per pass, is among them.</para>
/// <para>Sampling stays exact: the choice reads <see cref="Window.Survival"/> and <see cref="Window.Start"/> alone, both decided by positions that are committed.</para>
/// </remarks>
public sealed class AutoWindow(PassCosts costs)
{
    // A smaller window throws drafts away, so it must promise more than the noise of an estimate.
    private const double Advantage = 1.03;
    private const int Iterations = 6;

    /// <summary>The drafts that the next pass should carry, 0 to the method's window.</summary>
    /// <param name="window">A window that has just committed.</param>
    /// <param name="method">Bounds the choice.</param>
    public int Choose(Window window, IDecodingMethod method)
    {
        ArgumentNullException.ThrowIfNull(window);
        ArgumentNullException.ThrowIfNull(method);

        int present = Math.Min(window.ChosenDrafts ?? 0, method.WindowSize);
        int best = present;
        double bestRate = window.ChosenDrafts is null ? 0 : Rate(present, window.Survival) * Advantage;
        foreach (int drafts in costs.Drafts)
        {
            int candidate = Math.Min(drafts, method.WindowSize);
            double rate = Rate(candidate, window.Survival);
            if (rate > bestRate)
                (best, bestRate) = (candidate, rate);
            if (candidate < drafts)
                break;
        }

        return best;
    }

    /// <summary>Tokens per second that are to be expected of a window of <paramref name="drafts"/>.</summary>
    public double Rate(int drafts, DraftSurvival survival)
    {
        ArgumentNullException.ThrowIfNull(survival);
        return TokensPerPass(drafts, survival) / costs.Seconds(drafts);
    }

    /// <summary>Tokens that a pass is expected to commit when every pass carries <paramref name="drafts"/>, 1 or more.</summary>
    public static double TokensPerPass(int drafts, DraftSurvival survival)
    {
        ArgumentNullException.ThrowIfNull(survival);
        double tokens = 1;
        for (int iteration = 0; iteration < Iterations; iteration++)
            tokens = (tokens + Expected(drafts, tokens, survival)) / 2; // halfway: the map swings around its fixed point
        return tokens;
    }

    private static double Expected(int drafts, double tokensPerPass, DraftSurvival survival)
    {
        double expected = 1;
        double reached = 1;
        for (int slot = 0; slot < drafts && reached > 1e-3; slot++)
        {
            reached *= survival.Of((drafts - slot) / tokensPerPass);
            expected += reached;
        }

        return expected;
    }
}
