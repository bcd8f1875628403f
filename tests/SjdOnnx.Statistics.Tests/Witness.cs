using System.Numerics.Tensors;
using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Statistics.Tests;

/// <summary>A method that does what another does, and takes down what was tested and where each code came from.</summary>
internal sealed class Witness(IDecodingMethod method, TokenLayout layout) : IDecodingMethod
{
    private readonly float[] _least = new float[layout.Codes];
    private int[] _drafts = [];
    private double[] _stands = [];

    public string Name => method.Name;

    public bool IsExact => method.IsExact;

    public bool IsSeedExact => method.IsSeedExact;

    public int WindowSize => method.WindowSize;

    public int Branches => method.Branches;

    public int DenoisingSteps => method.DenoisingSteps;

    /// <summary>Drafts that were tested: with which probability they ought to stand, Σ min(p, q), and whether they did.</summary>
    public List<(double Probability, bool Stood)> Tested { get; } = [];

    /// <summary>By image code: its place among the codes that its pass committed.</summary>
    public int[] Place { get; } = new int[layout.ImageTokens];

    /// <summary>By image code: whether it came after the last draft, all of which stood.</summary>
    public bool[] IsBonus { get; } = new bool[layout.ImageTokens];

    /// <summary>By image code that was first in its pass: the distribution that the pass predicted; elsewhere null.</summary>
    public float[]?[] First { get; } = new float[]?[layout.ImageTokens];

    public Verdict Verify(Window window, PassRandom random)
    {
        int start = window.Start;
        int drafts = window.Drafts;
        _drafts = [.. Enumerable.Range(start, drafts).Select(position => window[position])];
        _stands = [.. Enumerable.Range(start, drafts).Select(position => StandsWith(window.P(position), window.Q(position)))];
        if (layout.CodeIndex(start) is { } first)
            First[first] = window.P(start).ToArray();

        Verdict verdict = method.Verify(window, random);
        for (int slot = 0; slot <= verdict.Accepted; slot++)
        {
            if (layout.CodeIndex(start + slot) is not { } index)
                continue;

            Place[index] = slot;
            IsBonus[index] = slot == drafts && drafts > 0;
            // behind the first slot a tree's draft may be tested under other codes than those that p of its position was given
            if (slot < drafts && (Branches == 0 || slot == 0))
                Tested.Add((_stands[slot], (slot < verdict.Accepted ? window[start + slot] : verdict.Next) == _drafts[slot]));
        }

        return verdict;
    }

    public void Redraft(Window window, PassRandom random) => method.Redraft(window, random);

    private double StandsWith(ReadOnlySpan<float> p, ReadOnlySpan<float> q)
    {
        TensorPrimitives.Min(p, q, _least);
        return TensorPrimitives.Sum<float>(_least);
    }
}
