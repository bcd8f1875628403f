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
/// <para>because a slot is fresh if the window moved past w − k. Iteration solves this. The window starts with the w that has the most
/// tokens per second, r / seconds(w), before any draft was tested. From then on, each pass compares its window with half of it and with
/// twice as many drafts.</para>
/// <para>A wider window must promise clearly more. Its drafts grow older than those that were tested, and the estimate expects too much of
/// them. Besides, a window that goes back and forth settles fewer tokens than one that stays.</para>
/// <para>Sampling stays exact: the choice depends on <see cref="PassStatistics.Survival"/>, the earlier windows and
/// <see cref="Window.Start"/>, and committed positions alone determine these.</para>
/// </remarks>
/// <param name="costs">What passes cost on this machine.</param>
/// <param name="maxDrafts">The most drafts to choose, 0 or more.</param>
/// <param name="branches">The most codes beside the drafts that the method adds to a pass with drafts.</param>
/// <param name="narrowest">
/// The fewest drafts to choose, 0 or more. Where drafts begin as noise, a window that is passed before they are codes settles little, and
/// one of twice as many drafts hardly more, so the rule would never find the windows that are worth it.
/// </param>
public sealed class AutoWindow(PassCosts costs, int maxDrafts, int branches = 0, int narrowest = 0) : IWindowPolicy
{
    // What another window must promise, in tokens per second of the present one.
    private const double AdvantageOfWider = 1.15;
    private const double AdvantageOfNarrower = 1.03;

    private const int Iterations = 8;
    private const int OnStack = 256;

    /// <inheritdoc/>
    public int MaxDrafts => maxDrafts;

    /// <inheritdoc/>
    public int NextDrafts(Window window)
    {
        ArgumentNullException.ThrowIfNull(window);
        DraftSurvival survival = window.Statistics.Survival;
        if (window.Statistics.DraftsPerPass == 0)
            return Best(survival);

        int present = window.RequestedDrafts ?? 0;
        int wider = Math.Min(Math.Max(1, 2 * present), Widest);
        int narrower = Math.Max(present / 2, Narrowest);
        double rate = Rate(present, survival);
        if (Rate(narrower, survival) > AdvantageOfNarrower * rate)
            return narrower;
        return Rate(wider, survival) > AdvantageOfWider * rate ? wider : present;
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

    private int Widest => Math.Min(maxDrafts, costs.Drafts[^1]);

    private int Narrowest => Math.Min(narrowest, Widest);

    /// <summary>The window with the most tokens per second: no drafts, a power of two, or as many as possible.</summary>
    private int Best(DraftSurvival survival)
    {
        (int best, double bestRate) = (Narrowest, Rate(Narrowest, survival));
        for (int drafts = Math.Max(1, Narrowest); drafts < 2 * Widest; drafts *= 2)
        {
            int candidate = Math.Min(drafts, Widest);
            double rate = Rate(candidate, survival);
            if (rate > bestRate)
                (best, bestRate) = (candidate, rate);
        }

        return best;
    }

    private double Rate(int drafts, DraftSurvival survival) => TokensPerPass(drafts, survival) / Seconds(drafts);

    // a branch costs what a draft costs
    private double Seconds(int drafts) => costs.Seconds(drafts == 0 ? 0 : drafts + branches);
}
