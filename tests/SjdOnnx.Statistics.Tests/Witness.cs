using System.Numerics.Tensors;
using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Statistics.Tests;

/// <summary>Decides as another method does, and records what was tested and where each code came from.</summary>
internal class Witness : IDecodingMethod
{
    private readonly IDecodingMethod _method;
    private readonly float[] _least;
    private int[] _drafts = [];
    private double[] _stands = [];

    protected Witness(IDecodingMethod method, TokenLayout layout)
    {
        (_method, Layout, _least) = (method, layout, new float[layout.Codes]);
        Place = new int[layout.ImageTokens];
        IsBonus = new bool[layout.ImageTokens];
        First = new float[]?[layout.ImageTokens];
    }

    public MethodDescriptor Descriptor => _method.Descriptor;

    protected TokenLayout Layout { get; }

    /// <summary>Drafts that were tested: the probability with which they should stand, Σ min(p, q), and whether they did.</summary>
    public List<(double Probability, bool Stood)> Tested { get; } = [];

    /// <summary>By image code: its place among the codes that its pass committed.</summary>
    public int[] Place { get; }

    /// <summary>By image code: whether it came after the last draft of its pass, and all drafts stood.</summary>
    public bool[] IsBonus { get; }

    /// <summary>By image code that was the first of its pass: the distribution that the pass predicted; null for other codes.</summary>
    public float[]?[] First { get; }

    /// <summary>A witness with the capabilities of the method.</summary>
    public static Witness Of(IDecodingMethod method, TokenLayout layout) => method switch
    {
        ITreeMethod tree => new TreeWitness(tree, layout),
        IDenoisingMethod denoising => new DenoisingWitness(denoising, layout),
        _ => new Witness(method, layout),
    };

    public Verdict Verify(Window window, PassRandom random)
    {
        int start = window.Start;
        int drafts = window.Drafts;
        bool hasTree = window.Branches > 0;
        _drafts = [.. Enumerable.Range(start, drafts).Select(position => window[position])];
        _stands = [.. Enumerable.Range(start, drafts).Select(position => StandsWith(window.P(position), window.Q(position)))];
        if (Layout.CodeIndex(start) is { } first)
            First[first] = window.P(start).ToArray();

        Verdict verdict = _method.Verify(window, random);
        for (int slot = 0; slot <= verdict.Accepted; slot++)
        {
            if (Layout.CodeIndex(start + slot) is not { } index)
                continue;

            Place[index] = slot;
            IsBonus[index] = slot == drafts && drafts > 0;
            // Behind the first slot, a tree may test the draft after other codes than those before it in the chain.
            if (slot < drafts && (!hasTree || slot == 0))
                Tested.Add((_stands[slot], (slot < verdict.Accepted ? window[start + slot] : verdict.Next) == _drafts[slot]));
        }

        return verdict;
    }

    public void Redraft(Window window, PassRandom random) => _method.Redraft(window, random);

    private double StandsWith(ReadOnlySpan<float> p, ReadOnlySpan<float> q)
    {
        TensorPrimitives.Min(p, q, _least);
        return TensorPrimitives.Sum<float>(_least);
    }

    private sealed class TreeWitness(ITreeMethod method, TokenLayout layout) : Witness(method, layout), ITreeMethod
    {
        public int MaxBranches(int drafts) => method.MaxBranches(drafts);

        public void Branch(Window window, PassRandom random) => method.Branch(window, random);
    }

    private sealed class DenoisingWitness(IDenoisingMethod method, TokenLayout layout) : Witness(method, layout), IDenoisingMethod
    {
        public int? DenoisingSteps => method.DenoisingSteps;

        public IDenoisingMethod WithSteps(int steps) => new DenoisingWitness(method.WithSteps(steps), Layout);
    }
}
