using System.Numerics.Tensors;
using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// SJD-PAC: <see cref="MaximalCoupling"/>, and the first open positions have several candidates each, so that the pass that rejects a draft
/// has often been asked about the code that takes its place. The tree is the cross product of the candidates; its first path is the chain
/// of drafts.
/// </summary>
/// <remarks>
/// <para>
/// "SJD-PAC", arXiv:2603.18599: proactive drafting beside adaptive continuation, with what the released code lacks for exactness. The
/// siblings of a draft are drawn from its q without replacement, and tested so; the path goes by the first sibling that stands, never by
/// the longest path; what lies behind the path continues with the q of the drafts; and the code behind the last draft is drawn from the row
/// about it.
/// </para>
/// <para>A pass judges <see cref="Branches"/> codes more than the window has drafts.</para>
/// </remarks>
public sealed class ProactiveDrafting(DecodingOptions options) : IDecodingMethod
{
    /// <inheritdoc/>
    public string Name => "pac";

    /// <inheritdoc/>
    public bool IsExact => true;

    /// <inheritdoc/>
    public int WindowSize => options.WindowSize;

    /// <inheritdoc/>
    public int Branches { get; } = DecodingOptions.CountBranches(options.Branching.Take(options.WindowSize));

    /// <inheritdoc/>
    public Verdict Verify(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        Span<int> candidates = stackalloc int[DecodingOptions.MostCandidates];
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

        // Behind the path the drafts go on as they would without a tree: whatever it chose, they were drawn from these q.
        for (int behind = position + 1; behind < window.End; behind++)
            window[behind] = Distribution.Settle(window.P(behind), window.Q(behind), window[behind], behind, random);
        if (position < window.End)
            window[window.End] = random.Draw(window.P(window.End), window.End, Purpose.Draw);

        return new Verdict(position - window.Start, code) { OnChain = onChain };
    }

    /// <inheritdoc/>
    public void Redraft(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        JacobiDrafting.FillFresh(window, options.Initialisation, random);

        Span<int> candidates = stackalloc int[DecodingOptions.MostCandidates];
        int parents = window.Nodes; // the branches of the depth before: these nodes, up to the last there is
        for (int depth = 0; depth < Math.Min(options.Branching.Count, window.Drafts); depth++)
        {
            int children = window.Nodes;
            int count = DrawCandidates(window, window.Start + depth, candidates[..options.Branching[depth]], random);
            for (int i = 1; i < count; i++)
                window.Branch(depth, candidates[i]); // node number depth is the chain's
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

        // every parent in the place before has the same candidates; the chain's, which is node number position − start, is one of them
        int count = window.CopyChildren(position - window.Start, candidates);
        return RecursiveRejection.Settle(p, window.Q(position), candidates[..count], window.Scratch, position, random);
    }

    /// <summary>The draft, then codes drawn from what is left of its q, as many as there is room for and q has codes.</summary>
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
