using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Methods;

/// <summary>
/// Methods that are wrong, as published code is or as a slip would make them: a test of exactness must tell them from right ones.
/// </summary>
internal abstract class NegativeControl(DecodingOptions options) : IDecodingMethod
{
    public string Name => GetType().Name;

    public bool IsExact => false;

    public virtual int WindowSize => options.WindowSize;

    public virtual int Branches => 0;

    public virtual int DenoisingSteps => 0;

    protected DecodingOptions Options => options;

    protected Initialisation Initialisation => options.Initialisation;

    public static NegativeControl Create(string name, int window = 3)
    {
        var options = new DecodingOptions { WindowSize = window };
        return name switch
        {
            nameof(AcceptsEverything) => new AcceptsEverything(options),
            nameof(ReplacesFromP) => new ReplacesFromP(options),
            nameof(KeepsOldQ) => new KeepsOldQ(options),
            nameof(CommitsTheBatchMinimum) => new CommitsTheBatchMinimum(options),
            nameof(KeepsAboveThreshold) => new KeepsAboveThreshold(options),
            nameof(SharesOneGumbelVector) => new SharesOneGumbelVector(),
            nameof(RecordsTheWrongQ) => new RecordsTheWrongQ(options),
            nameof(ClosesOnDraftsThatChanged) => new ClosesOnDraftsThatChanged(options),
            nameof(TrustsWhatWasReadAsNoise) => new TrustsWhatWasReadAsNoise(options),
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, "There is no negative control of this name."),
        };
    }

    public abstract Verdict Verify(Window window, PassRandom random);

    public virtual void Redraft(Window window, PassRandom random) => JacobiDrafting.Redraft(window, Initialisation, random);

    protected static int DrawBonus(Window window, PassRandom random) => random.Draw(window.P(window.End), window.End, Purpose.Draw);
}

/// <summary>Takes the drafts for what the model would have said.</summary>
internal sealed class AcceptsEverything(DecodingOptions options) : NegativeControl(options)
{
    public override Verdict Verify(Window window, PassRandom random) => new(window.Drafts, DrawBonus(window, random));
}

/// <summary>Replaces a draft that fell by a code drawn from p, not from what p has over q.</summary>
internal sealed class ReplacesFromP(DecodingOptions options) : NegativeControl(options)
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

/// <summary>Behind a rejection, keeps a draft that stood together with the q it had, where q has to become this pass's p.</summary>
internal sealed class KeepsOldQ(DecodingOptions options) : NegativeControl(options)
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

        JacobiDrafting.FillFresh(window, Initialisation, random);
    }
}

/// <summary>
/// Commits no more than the worst picture of its batch and tests the drafts that had stood once more. The other pictures
/// are coins here: they allow 0, 1 or 2 drafts.
/// </summary>
internal sealed class CommitsTheBatchMinimum(DecodingOptions options) : NegativeControl(options)
{
    private const int OtherPictures = 1_000_000; // a position that no picture reaches
    private readonly Dictionary<int, float[]> _keptQ = [];
    private int _settled;

    public override Verdict Verify(Window window, PassRandom random)
    {
        _keptQ.Clear();
        int allowed = (int)(random.Uniform(OtherPictures, Purpose.Accept) * 3);
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

        JacobiDrafting.FillFresh(window, Initialisation, random);
    }
}

/// <summary>
/// Behind a rejection, keeps the drafts whose probability has not fallen by more than a factor: a choice that looks at the draft itself.
/// </summary>
internal sealed class KeepsAboveThreshold(DecodingOptions options) : NegativeControl(options)
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

        JacobiDrafting.FillFresh(window, Initialisation, random);
    }
}

/// <summary>Draws with one Gumbel vector for all positions.</summary>
internal sealed class SharesOneGumbelVector() : NegativeControl(new DecodingOptions { WindowSize = 0 })
{
    public override Verdict Verify(Window window, PassRandom random) => new(0, random.GumbelArgMax(window.P(window.Start), position: 0));
}

/// <summary>Repeats the code to the left in a fresh slot, and says that it drew uniformly.</summary>
internal sealed class RecordsTheWrongQ(DecodingOptions options) : NegativeControl(options)
{
    private readonly SpeculativeJacobi _exact = new(options);

    public override Verdict Verify(Window window, PassRandom random) => _exact.Verify(window, random);

    public override void Redraft(Window window, PassRandom random)
    {
        JacobiDrafting.Redraft(window, Initialisation.Uniform, random);
        for (int position = Math.Max(window.Start, window.Predicted); position < window.End; position++)
        {
            if (window.Layout.Left(position) is { } left)
                window[position] = window[left];
        }
    }
}

/// <summary>Keeps the window open as far as the drafts in it have just stood: a choice of window that looks right of its start.</summary>
internal sealed class ClosesOnDraftsThatChanged(DecodingOptions options) : NegativeControl(options)
{
    private readonly MaximalCoupling _exact = new(options);
    private int _drafts = options.WindowSize;

    public override int WindowSize => _drafts;

    public override Verdict Verify(Window window, PassRandom random)
    {
        int[] before = [.. Enumerable.Range(0, window.End).Select(position => window[position])];
        Verdict verdict = _exact.Verify(window, random);
        int start = window.Start + verdict.Accepted + 1;
        int stood = start;
        while (stood < window.End && window[stood] == before[stood])
            stood++;

        _drafts = window.Pass == 0 || start > window.Layout.LastCode ? Options.WindowSize : stood - start;
        return verdict;
    }

    public override void Redraft(Window window, PassRandom random) => _exact.Redraft(window, random);
}

/// <summary>Commits what stands behind a slot that the model read as noise, though not as the code that is committed there.</summary>
internal sealed class TrustsWhatWasReadAsNoise(DecodingOptions options) : NegativeControl(options)
{
    private readonly SpeculativeDenoising _sjd2 = new(new DecodingOptions { WindowSize = options.WindowSize, DenoisingSteps = 2 });

    public override int DenoisingSteps => _sjd2.DenoisingSteps;

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
        window.SetStep(window.End, window.Layout.IsForced(window.End) ? 0 : DenoisingSteps + 1);
        return new Verdict(fallen - window.Start, window[fallen]);
    }

    public override void Redraft(Window window, PassRandom random) => _sjd2.Redraft(window, random);
}
