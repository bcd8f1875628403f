using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Methods;

/// <summary>
/// A method written outside the library, with its own option: SJD that accepts at most <see cref="MaxAccepted"/> drafts in a pass. The
/// draft after them is tested too, and the result of its test is committed, so the committed codes are distributed as p.
/// </summary>
internal sealed record LimitedAcceptance : IDecodingMethod
{
    private static readonly MethodOption<LimitedAcceptance, int> Limit = MethodOption.Number<LimitedAcceptance, int>(
        "max-accepted", "drafts that a pass accepts at most", 1, 0, 1024,
        method => method.MaxAccepted, (method, value) => method with { MaxAccepted = value });

    public static MethodDescriptor Descriptor { get; } =
        new("outside", "as sjd, but a pass accepts only a few drafts", Exactness.Exact, new LimitedAcceptance(), Limit);

    MethodDescriptor IDecodingMethod.Descriptor => Descriptor;

    public int MaxAccepted { get; init => field = Limit.Checked(value); } = Limit.Default!.Value;

    public Verdict Verify(Window window, PassRandom random)
    {
        int limit = Math.Min(window.End, window.Start + MaxAccepted);
        for (int position = window.Start; position < window.End; position++)
        {
            int code = Distribution.Settle(window.P(position), window.Q(position), window[position], position, random);
            if (code != window[position] || position == limit)
                return new Verdict(position - window.Start, code);
        }

        return new Verdict(window.Drafts, random.Draw(window.P(window.End), window.End, Purpose.Draw));
    }

    public void Redraft(Window window, PassRandom random)
    {
        for (int position = window.Start; position < Math.Min(window.Predicted, window.End); position++)
            window[position] = random.Draw(window.Q(position), position, Purpose.Draw);
    }
}

/// <summary>Initializations written outside the library.</summary>
internal static class OutsideInitializations
{
    /// <summary>Any code, recorded as if it were known: the random initialization of the code released with the SJD paper.</summary>
    public static Initialization PointMass { get; } = new("outside-point-mass", static (window, position, random) =>
        Distribution.PointMass(window.Q(position), (int)(random.Uniform(position, Purpose.Guess) * window.Layout.Codes)));

    /// <summary>Code 1 everywhere.</summary>
    public static Initialization Constant { get; } =
        new("outside-constant", static (window, position, _) => Distribution.PointMass(window.Q(position), code: 1));
}

/// <summary>A window policy written outside the library: the number of drafts follows from the position.</summary>
/// <param name="maxDrafts">The most drafts.</param>
/// <param name="draftsAt">How many drafts to open at a start.</param>
internal sealed class Scheduled(int maxDrafts, Func<int, int> draftsAt) : IWindowPolicy
{
    public int MaxDrafts => maxDrafts;

    public int NextDrafts(Window window) => draftsAt(window.Start);
}
