namespace SjdOnnx.Decoding;

/// <summary>
/// The branches of a pass: other codes beside the chain of drafts that the pass is asked about. Their nodes are numbered in the order in
/// which they were added, behind the nodes of the chain.
/// </summary>
/// <param name="max">The most branches.</param>
/// <param name="codes">Size of the codebook.</param>
internal sealed class DraftTree(int max, int codes)
{
    private readonly (int Parent, int Position, int Code)[] _branches = new (int, int, int)[max];
    private readonly float[] _p = new float[max * codes];

    /// <summary>The most branches.</summary>
    public int Max => max;

    /// <summary>Branches so far.</summary>
    public int Count { get; private set; }

    /// <summary>The branches: the node that each follows, its position and its code.</summary>
    public ReadOnlySpan<(int Parent, int Position, int Code)> Branches => _branches.AsSpan(0, Count);

    /// <summary>Adds a branch.</summary>
    /// <exception cref="InvalidOperationException">There is no room.</exception>
    public void Add(int parent, int position, int code)
    {
        if (Count == _branches.Length)
            throw new InvalidOperationException($"The window was made for {_branches.Length} branches.");
        _branches[Count++] = (parent, position, code);
    }

    /// <summary>Removes all branches.</summary>
    public void Clear() => Count = 0;

    /// <summary>The branch that has <paramref name="code"/> behind the node <paramref name="parent"/>; −1 if there is none.</summary>
    public int Find(int parent, int code)
    {
        for (int branch = 0; branch < Count; branch++)
        {
            if (_branches[branch].Parent == parent && _branches[branch].Code == code)
                return branch;
        }

        return -1;
    }

    /// <summary>What the pass predicts behind a branch: [codes].</summary>
    public Span<float> P(int branch) => _p.AsSpan(branch * codes, codes);
}
