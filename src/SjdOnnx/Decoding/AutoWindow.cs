namespace SjdOnnx.Decoding;

/// <summary>
/// Chooses the window that settles the most tokens per second, from what passes cost here and how drafts have fared so far.
/// </summary>
/// <remarks>
/// <para>Drafts enter the window at its far end and are refined by every pass until they are tested, so how old the draft of a slot is
/// depends on how fast the window moves, and how fast it moves on how many drafts stand. With w drafts, s(k, a) the probability that the
/// draft of slot k and age a stands, and f(k) the probability that the first k drafts do,</para>
/// <code>  f(k + 1) = f(k) · (f(w − k) · s(k, 0) + (1 − f(w − k)) · s(k, max(1, (w − k) / r))),   r = 1 + f(1) + … + f(w),</code>
/// <para>since a slot is fresh if the window moved past w − k. This is solved by iteration; the w with the largest r / seconds(w) wins, and
/// 0 drafts, one token per pass, are among them.</para>
/// <para>Whatever the estimate says, a window is opened only if the picture, should every draft of the next pass fall, is not behind one
/// drawn without drafts by more than a small part of what has been committed.</para>
/// <para>Sampling stays exact: the choice reads <see cref="Window.Survival"/>, the windows before it and <see cref="Window.Start"/> alone,
/// all of them decided by positions that are committed.</para>
/// </remarks>
public sealed class AutoWindow(PassCosts costs)
{
    // Another window throws drafts away or begins with fresh ones, so it must promise more than the noise of an estimate.
    private const double Advantage = 1.1;

    // A window may grow so much from pass to pass, and starts so small: where drafts turn out to be worth little, few were paid for.
    private const int Growth = 2;
    private const int First = 4;

    // How far a picture may fall behind one without drafts, in parts of its codes: so much at once, and so much for each code committed.
    private const double RiskAtOnce = 0.05;
    private const double RiskPerCode = 0.005;

    private const int Iterations = 8;
    private const int OnStack = 256;

    /// <summary>The drafts that the next pass should carry, 0 to the method's window.</summary>
    /// <param name="window">A window that has just committed.</param>
    /// <param name="method">Bounds the choice.</param>
    public int Choose(Window window, IDecodingMethod method)
    {
        ArgumentNullException.ThrowIfNull(window);
        ArgumentNullException.ThrowIfNull(method);

        int present = Math.Min(window.ChosenDrafts ?? 0, method.WindowSize);
        (int best, double bestRate) = (present, Advantage * Rate(present, method, window.Survival));
        foreach (int drafts in costs.Drafts)
        {
            int candidate = Math.Min(drafts, method.WindowSize);
            double rate = Rate(candidate, method, window.Survival);
            if (rate > bestRate)
                (best, bestRate) = (candidate, rate);
            if (candidate < drafts)
                break;
        }

        best = Math.Min(best, Math.Max(First, Growth * present));
        double affordable = Affordable(window);
        while (best > 0 && Seconds(best, method) > affordable)
            best /= 2;
        return best;
    }

    /// <summary>Tokens that a pass is expected to commit when every pass carries <paramref name="drafts"/>, 1 or more.</summary>
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
                reached[slot + 1] = (reached[slot + 1] + before) / 2; // halfway: the map swings around its fixed point
            }

            tokens = (tokens + expected) / 2;
        }

        return tokens;
    }

    private double Rate(int drafts, IDecodingMethod method, DraftSurvival survival) =>
        TokensPerPass(drafts, survival) / Seconds(drafts, method);

    // a pass that is asked about branches costs what one with so many more drafts does
    private double Seconds(int drafts, IDecodingMethod method) => costs.Seconds(drafts == 0 ? 0 : drafts + method.Branches);

    /// <summary>Seconds that the next pass may take if it commits no more than one code.</summary>
    private double Affordable(Window window)
    {
        double spent = 0;
        for (int nodes = 1; nodes < window.PassesOfNodes.Length; nodes++)
            spent += window.PassesOfNodes[nodes] * costs.Seconds(nodes - 1);

        // without drafts each code but the prefill's would have taken a pass
        double alone = window.CommittedCodes + (RiskAtOnce * window.Layout.ImageTokens) + (RiskPerCode * window.CommittedCodes);
        return (alone * costs.Seconds(0)) - spent;
    }
}
