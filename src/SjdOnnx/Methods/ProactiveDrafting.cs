using System.Numerics.Tensors;
using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// SJD-PAC: <see cref="MaximalCoupling"/>, and the first open positions have several candidates each, so that the pass that rejects a draft
/// has often judged the code that takes its place. The tree is the cross product of the candidates; its first path is the chain of drafts.
/// </summary>
/// <remarks>
/// "SJD-PAC", arXiv:2603.18599: proactive drafting beside adaptive continuation, with four details that exactness needs and the released
/// code lacks. Siblings of a draft are drawn from its q without replacement, and tested accordingly. The path follows the first sibling
/// that stands, not the longest path. Drafts behind the path continue with their own q. And the code behind the last draft is drawn from
/// the row about it.
/// </remarks>
public sealed record ProactiveDrafting : ITreeMethod
{
    private static readonly MethodOption<ProactiveDrafting, Branching> Candidates = new(
        "branching", "candidates at each of the first open positions, such as 4 or 3x3", new Branching(4), Branching.Range, _ => true,
        method => method.Branching, (method, value) => method with { Branching = value });

    /// <summary>The method's name, guarantee and options.</summary>
    public static MethodDescriptor Descriptor { get; } = new(
        "pac", "as mc, and the first positions have several candidates, judged as a tree", Exactness.Exact,
        new ProactiveDrafting(), Candidates);

    MethodDescriptor IDecodingMethod.Descriptor => Descriptor;

    /// <summary>Candidates at each of the first open positions, the draft among them.</summary>
    public Branching Branching { get; init; } = Candidates.Default!.Value;

    /// <inheritdoc/>
    public int MaxBranches(int drafts) => Branching.CountBranches(drafts);

    /// <inheritdoc/>
    public Verdict Verify(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        Span<int> candidates = stackalloc int[Branching.MaxCandidates];
        int position = window.Start;
        int node = 0;
        int onChain = 0;
        int code = Settle(window, node, position, candidates, random);
        while (window.Child(node, code) is { } child)
        {
            window[position++] = code;
            node = child;
            onChain = child <= window.Drafts ? child : onChain;
            code = Settle(window, node, position, candidates, random);
        }

        // Behind the path the drafts continue as without a tree: whatever the path is, they were drawn from these q.
        for (int behind = position + 1; behind < window.End; behind++)
            window[behind] = Distribution.Settle(window.P(behind), window.Q(behind), window[behind], behind, random);
        if (position < window.End)
            window[window.End] = random.Draw(window.P(window.End), window.End, Purpose.Draw);

        return new Verdict(position - window.Start, code) { OnChain = onChain };
    }

    /// <inheritdoc/>
    public void Branch(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        Span<int> candidates = stackalloc int[Branching.MaxCandidates];
        int parents = window.Nodes; // the branches of the previous depth are the nodes from here on
        for (int depth = 0; depth < Math.Min(Branching.Depth, window.Drafts); depth++)
        {
            int children = window.Nodes;
            int count = DrawCandidates(window, window.Start + depth, candidates[..Branching[depth]], random);
            for (int i = 1; i < count; i++)
                window.Branch(depth, candidates[i]); // the chain's node at this depth has the number of the depth
            for (int parent = parents; parent < children; parent++)
            {
                for (int i = 0; i < count; i++)
                    window.Branch(parent, candidates[i]);
            }

            parents = children;
        }
    }

    private static int Settle(Window window, int node, int position, Span<int> candidates, PassRandom random)
    {
        ReadOnlySpan<float> p = window.PAfter(node);
        if (position == window.End)
            return random.Draw(p, position, Purpose.Draw);

        // Every parent at one depth has the same candidates, so those of the chain's node, number position − start, serve for all.
        int count = window.CopyChildren(position - window.Start, candidates);
        return RecursiveRejection.Settle(p, window.Q(position), candidates[..count], window.Scratch, position, random);
    }

    /// <summary>The draft, then draws from its q without replacement, until the span is full or q has no more codes.</summary>
    private static int DrawCandidates(Window window, int position, Span<int> candidates, PassRandom random)
    {
        candidates[0] = window[position];
        Span<float> left = window.Scratch;
        window.Q(position).CopyTo(left);
        for (int count = 1; ; count++)
        {
            left[candidates[count - 1]] = 0;
            if (count == candidates.Length || TensorPrimitives.Max<float>(left) <= 0)
                return count;

            candidates[count] = Distribution.Pick(left, random.Uniform(position, Purpose.Sibling, count));
        }
    }
}
