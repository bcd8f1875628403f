using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;
using SjdOnnx.Windows;

namespace SjdOnnx.Tests.Methods;

/// <summary>
/// Decoding that is wrong in one respect, as published code is or as a slip would make it. A test of exactness must tell it from correct
/// decoding. The methods hold state, so each serves one image at a time.
/// </summary>
internal sealed record NegativeControl(IDecodingMethod Method, IWindowPolicy Windows, Initialization? Initialization = null)
{
    public static NegativeControl Create(string name, int window = 3)
    {
        var windows = new FixedWindow(window);
        var closing = new ClosesOnDraftsThatChanged(window);
        return name switch
        {
            nameof(AcceptsEverything) => new(new AcceptsEverything(), windows),
            nameof(ReplacesFromP) => new(new ReplacesFromP(), windows),
            nameof(KeepsOldQ) => new(new KeepsOldQ(), windows),
            nameof(CommitsTheBatchMinimum) => new(new CommitsTheBatchMinimum(), windows),
            nameof(KeepsAboveThreshold) => new(new KeepsAboveThreshold(), windows),
            nameof(SharesOneGumbelVector) => new(new SharesOneGumbelVector(), new FixedWindow(0)),
            nameof(RecordsTheWrongQ) => new(new SpeculativeJacobi(), windows, RecordsTheWrongQ.Initialization),
            nameof(ClosesOnDraftsThatChanged) => new(closing, closing),
            nameof(TrustsWhatWasReadAsNoise) => new(new TrustsWhatWasReadAsNoise(), windows),
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, "There is no negative control of this name."),
        };
    }
}

/// <summary>A method that is wrong. Unless it says otherwise, it drafts as SJD does.</summary>
internal abstract class WrongMethod : IDecodingMethod
{
    protected WrongMethod() => Descriptor = new(GetType().Name, "wrong, and found out by a test", Exactness.Lossy, this);

    public MethodDescriptor Descriptor { get; }

    public abstract Verdict Verify(Window window, PassRandom random);

    public virtual void Redraft(Window window, PassRandom random) => JacobiDrafting.Redraft(window, random);

    protected static int DrawBonus(Window window, PassRandom random) => random.Draw(window.P(window.End), window.End, Purpose.Draw);
}

/// <summary>Accepts every draft, without a test.</summary>
internal sealed class AcceptsEverything : WrongMethod
{
    public override Verdict Verify(Window window, PassRandom random) => new(window.Drafts, DrawBonus(window, random));
}

/// <summary>Replaces a draft that fell by a code drawn from p, not from the residual max(0, p − q).</summary>
internal sealed class ReplacesFromP : WrongMethod
{
    public override Verdict Verify(Window window, PassRandom random)
    {
        for (int position = window.Start; position < window.End; position++)
        {
            int draft = window[position];
            if (random.Uniform(position, Purpose.Accept) * window.Q(position)[draft] >= window.P(position)[draft])
                return new Verdict(position - window.Start, random.Draw(window.P(position), position, Purpose.Replace));
        }

        return new Verdict(window.Drafts, DrawBonus(window, random));
    }
}

/// <summary>Behind a rejection, keeps a draft that stood together with its old q, although its q must become this pass's p.</summary>
internal sealed class KeepsOldQ : WrongMethod
{
    private readonly Dictionary<int, float[]> _keptQ = [];

    public override Verdict Verify(Window window, PassRandom random)
    {
        _keptQ.Clear();
        Verdict? verdict = null;
        for (int position = window.Start; position < window.End; position++)
        {
            float[] q = window.Q(position).ToArray();
            int draft = window[position];
            int code = Distribution.Settle(window.P(position), window.Q(position), draft, position, random);
            if (verdict is null)
            {
                if (code != draft)
                    verdict = new Verdict(position - window.Start, code);
                continue;
            }

            window[position] = code;
            if (code == draft)
                _keptQ[position] = q;
        }

        int bonus = DrawBonus(window, random);
        if (verdict is null)
            return new Verdict(window.Drafts, bonus);
        window[window.End] = bonus;
        return verdict.Value;
    }

    public override void Redraft(Window window, PassRandom random)
    {
        foreach ((int position, float[] q) in _keptQ)
        {
            if (position >= window.Start && position < window.End)
                q.CopyTo(window.Q(position));
        }
    }
}

/// <summary>
/// Commits no more drafts than the slowest image of its batch, and tests the drafts that had stood a second time. Here random numbers stand
/// for the other images: they allow 0, 1 or 2 drafts.
/// </summary>
internal sealed class CommitsTheBatchMinimum : WrongMethod
{
    private const int OtherImages = 1_000_000; // a position that no image reaches
    private readonly Dictionary<int, float[]> _keptQ = [];
    private int _settled;

    public override Verdict Verify(Window window, PassRandom random)
    {
        _keptQ.Clear();
        int allowed = (int)(random.Uniform(OtherImages, Purpose.Accept) * 3);
        int stood = window.Start;
        int code = window.End;
        for (; stood < window.End; stood++)
        {
            float[] q = window.Q(stood).ToArray();
            code = Distribution.Settle(window.P(stood), window.Q(stood), window[stood], stood, random);
            if (code != window[stood])
                break;
            _keptQ[stood] = q;
        }

        if (stood == window.End)
            code = DrawBonus(window, random);
        _settled = stood + 1;
        if (stood - window.Start <= allowed)
            return new Verdict(stood - window.Start, code);

        window[stood] = code;
        return new Verdict(allowed, window[window.Start + allowed]);
    }

    public override void Redraft(Window window, PassRandom random)
    {
        for (int position = window.Start; position < Math.Min(window.Predicted, window.End); position++)
        {
            if (_keptQ.TryGetValue(position, out float[]? q))
                q.CopyTo(window.Q(position));
            else if (position >= _settled)
                window[position] = random.Draw(window.Q(position), position, Purpose.Draw);
        }
    }
}

/// <summary>
/// Behind a rejection, keeps the drafts whose probability has not fallen by more than a factor: this choice depends on the draft itself.
/// </summary>
internal sealed class KeepsAboveThreshold : WrongMethod
{
    private const float Threshold = 0.5f;
    private readonly HashSet<int> _kept = [];

    public override Verdict Verify(Window window, PassRandom random)
    {
        _kept.Clear();
        for (int position = window.Start; position < window.End; position++)
        {
            if (window.P(position)[window[position]] > Threshold * window.Q(position)[window[position]])
                _kept.Add(position);
        }

        for (int position = window.Start; position < window.End; position++)
        {
            int code = Distribution.Settle(window.P(position), window.Q(position), window[position], position, random);
            if (code != window[position])
                return new Verdict(position - window.Start, code);
        }

        return new Verdict(window.Drafts, DrawBonus(window, random));
    }

    public override void Redraft(Window window, PassRandom random)
    {
        for (int position = window.Start; position < Math.Min(window.Predicted, window.End); position++)
        {
            if (!_kept.Contains(position))
                window[position] = random.Draw(window.Q(position), position, Purpose.Draw);
        }
    }
}

/// <summary>Draws with one Gumbel vector for all positions.</summary>
internal sealed class SharesOneGumbelVector : WrongMethod
{
    public override Verdict Verify(Window window, PassRandom random) => new(0, random.GumbelArgMax(window.P(window.Start), position: 0));
}

/// <summary>Repeats the code to the left in a fresh slot, but records that it drew uniformly.</summary>
internal static class RecordsTheWrongQ
{
    public static Initialization Initialization { get; } = new(nameof(RecordsTheWrongQ), static (window, position, random) =>
    {
        Span<float> q = window.Q(position);
        q.Fill(1f / q.Length);
        return window.Layout.Left(position) is { } left ? window[left] : (int)(random.Uniform(position, Purpose.Guess) * q.Length);
    });
}

/// <summary>
/// Opens the window as far as its drafts have just stood: this choice of a window depends on codes to the right of the window's start.
/// </summary>
internal sealed class ClosesOnDraftsThatChanged(int maxDrafts) : WrongMethod, IWindowPolicy
{
    private readonly MaximalCoupling _exact = new();
    private int _drafts;

    public int MaxDrafts => maxDrafts;

    public override Verdict Verify(Window window, PassRandom random)
    {
        int[] before = [.. Enumerable.Range(0, window.End).Select(position => window[position])];
        Verdict verdict = _exact.Verify(window, random);
        int start = window.Start + verdict.Accepted + 1;
        int stood = start;
        while (stood < window.End && window[stood] == before[stood])
            stood++;

        _drafts = window.Pass == 0 ? maxDrafts : stood - start;
        return verdict;
    }

    public int NextDrafts(Window window) => _drafts;

    public override void Redraft(Window window, PassRandom random)
    {
        // the drafts stay as the coupling left them
    }
}

/// <summary>Commits a code behind a slot that the model read as noise, and not as the code that is committed there.</summary>
internal sealed class TrustsWhatWasReadAsNoise : WrongMethod, IDenoisingMethod
{
    private const int Steps = 2;
    private readonly SpeculativeDenoising _sjd2 = new() { DenoisingSteps = Steps };

    public int? DenoisingSteps => Steps;

    public IDenoisingMethod WithSteps(int steps) => throw new NotSupportedException("The control always takes 2 steps.");

    public override Verdict Verify(Window window, PassRandom random)
    {
        int fallen = window.End;
        for (int position = window.Start; position < window.End; position++)
        {
            int code = Distribution.Settle(window.P(position), window.Q(position), window[position], position, random);
            if (fallen == window.End && code != window[position])
                fallen = position;
            window[position] = code;
        }

        window[window.End] = DrawBonus(window, random);
        window.SetStep(window.End, window.Layout.IsForced(window.End) ? 0 : Steps + 1);
        return new Verdict(fallen - window.Start, window[fallen]);
    }

    public override void Redraft(Window window, PassRandom random) => _sjd2.Redraft(window, random);
}
