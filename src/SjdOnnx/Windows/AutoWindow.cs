using SjdOnnx.Decoding;

namespace SjdOnnx.Windows;

/// <summary>
/// Chooses the window that settles the most tokens per second. It knows what passes cost on this machine and how often drafts have stood so
/// far.
/// </summary>
/// <remarks>
/// <para>Drafts enter the window at its far end, and every pass refines them until they are tested. So the age of a slot's draft depends on
/// how fast the window moves, and that depends on how many drafts stand. With w drafts, s(k, a) the probability that the draft of slot k
/// and age a stands, and f(k) the probability that the first k drafts stand,</para>
/// <code>  f(k + 1) = f(k) · (f(w − k) · s(k, 0) + (1 − f(w − k)) · s(k, max(1, (w − k) / r))),   r = 1 + f(1) + … + f(w),</code>
/// <para>because a slot is fresh if the window moved past w − k. Iteration solves this; the w with the largest r / seconds(w) wins. One of
/// the candidates is a window of 0 drafts: one token per pass.</para>
/// <para>There is a limit on the risk. If every draft of the next pass fell, the image must not be more than a small part of its codes
/// behind an image that is drawn without drafts; otherwise the window is made smaller.</para>
/// <para>Sampling stays exact: the choice depends on <see cref="PassStatistics.Survival"/>, the earlier windows and
/// <see cref="Window.Start"/>, and committed positions alone determine these.</para>
/// </remarks>
/// <param name="costs">What passes cost on this machine.</param>
/// <param name="maxDrafts">The most drafts to choose, 0 or more.</param>
/// <param name="branches">The most codes beside the drafts that the method adds to a pass with drafts.</param>
public sealed class AutoWindow(PassCosts costs, int maxDrafts, int branches = 0) : IWindowPolicy
{
    // A change of window discards drafts or adds fresh ones, so it must promise more than the noise of the estimate.
    private const double Advantage = 1.1;

    // The first window, and the factor by which it may grow from pass to pass: where drafts turn out to be worth little, few were paid for.
    private const int First = 4;
    private const int Growth = 2;

    // How far an image may fall behind one without drafts, as parts of its codes: at any time, and in addition for each committed code.
    private const double RiskAtOnce = 0.05;
    private const double RiskPerCode = 0.005;

    private const int Iterations = 8;
    private const int OnStack = 256;

    /// <inheritdoc/>
    public int MaxDrafts => maxDrafts;

    /// <inheritdoc/>
    public int NextDrafts(Window window)
    {
        ArgumentNullException.ThrowIfNull(window);
        DraftSurvival survival = window.Statistics.Survival;
        int present = Math.Min(window.RequestedDrafts ?? 0, maxDrafts);
        (int best, double bestRate) = (present, Advantage * Rate(present, survival));
        foreach (int drafts in costs.Drafts)
        {
            int candidate = Math.Min(drafts, maxDrafts);
            double rate = Rate(candidate, survival);
            if (rate > bestRate)
                (best, bestRate) = (candidate, rate);
            if (candidate < drafts)
                break;
        }

        best = Math.Min(best, Math.Max(First, Growth * present));
        double affordable = Affordable(window);
        while (best > 0 && Seconds(best) > affordable)
            best /= 2;
        return best;
    }

    /// <summary>Tokens that a pass is expected to commit when every pass carries <paramref name="drafts"/>.</summary>
    public static double TokensPerPass(int drafts, DraftSurvival survival)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(drafts);
        ArgumentNullException.ThrowIfNull(survival);

        Span<double> reached = drafts < OnStack ? stackalloc double[drafts + 1] : new double[drafts + 1];
        reached.Clear();
        reached[0] = 1;
        double tokens = 1;
        for (int iteration = 0; iteration < Iterations; iteration++)
        {
            double expected = 1;
            double before = 1;
            for (int slot = 0; slot < drafts; slot++)
            {
                double fresh = reached[drafts - slot];
                double age = Math.Max(1, (drafts - slot) / tokens);
                before *= (fresh * survival.Of(slot, 0)) + ((1 - fresh) * survival.Of(slot, age));
                expected += before;
                reached[slot + 1] = (reached[slot + 1] + before) / 2; // halfway, because the iteration swings around its fixed point
            }

            tokens = (tokens + expected) / 2;
        }

        return tokens;
    }

    private double Rate(int drafts, DraftSurvival survival) => TokensPerPass(drafts, survival) / Seconds(drafts);

    // a branch costs what a draft costs
    private double Seconds(int drafts) => costs.Seconds(drafts == 0 ? 0 : drafts + branches);

    /// <summary>Seconds that the next pass may take if it commits no more than one code.</summary>
    private double Affordable(Window window)
    {
        double spent = 0;
        ReadOnlySpan<int> passes = window.Statistics.PassesOfNodes;
        for (int nodes = 1; nodes < passes.Length; nodes++)
            spent += passes[nodes] * costs.Seconds(nodes - 1);

        // without drafts, each code but the prefill's would have taken a pass
        double alone = window.CommittedCodes + (RiskAtOnce * window.Layout.ImageTokens) + (RiskPerCode * window.CommittedCodes);
        return (alone * costs.Seconds(0)) - spent;
    }
}
