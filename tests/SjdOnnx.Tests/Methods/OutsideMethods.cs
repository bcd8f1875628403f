using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Methods;

/// <summary>A method written outside the library: SJD that guesses any code, and treats it as known.</summary>
/// <remarks>The random initialisation of the paper's code. Uniform guesses with a uniform q stand more often.</remarks>
internal sealed class PointMassGuesses(DecodingOptions options) : IDecodingMethod
{
    private readonly SpeculativeJacobi _sjd = new(options);

    public string Name => "outside-point-mass";

    public bool IsExact => true;

    public int WindowSize => options.WindowSize;

    public Verdict Verify(Window window, PassRandom random) => _sjd.Verify(window, random);

    public void Redraft(Window window, PassRandom random)
    {
        int fresh = Math.Max(window.Predicted, window.Start);
        _sjd.Redraft(window, random);
        for (int position = fresh; position < window.End; position++)
            Distribution.PointMass(window.Q(position), window[position]);
    }
}

/// <summary>Another method with another window after every pass, as a rule about positions has it: for one picture at a time.</summary>
/// <param name="inner">What to accept and what to guess.</param>
/// <param name="draftsAt">How many drafts to open at a start.</param>
internal sealed class Scheduled(IDecodingMethod inner, Func<int, int> draftsAt) : IDecodingMethod
{
    public string Name => "outside-scheduled";

    public bool IsExact => inner.IsExact;

    public int WindowSize { get; private set; } = inner.WindowSize;

    public int Branches => inner.Branches;

    public Verdict Verify(Window window, PassRandom random)
    {
        Verdict verdict = inner.Verify(window, random);
        int start = window.Start + verdict.Accepted + 1;
        WindowSize = start <= window.Layout.LastCode ? draftsAt(start) : inner.WindowSize; // the next picture's window is made for the most
        return verdict;
    }

    public void Redraft(Window window, PassRandom random) => inner.Redraft(window, random);
}
