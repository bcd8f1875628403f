namespace SjdOnnx.Decoding;

/// <summary>
/// The codes of an image that are committed so far, and the drafts that follow them. The draft at a position was drawn from
/// <see cref="Q"/> of that position, and <see cref="P"/> of that position is the distribution that judges it.
/// </summary>
/// <remarks>
/// <para>Every index is an absolute position; 0 is the first token after the prompt:</para>
/// <code>
///   0 … Start − 1          committed                                     (forced tokens included)
///   Start … End − 1        drafts, each with its q and, after a pass, p
///   End                    no draft, but the pass predicts it too: p only
/// </code>
/// <para>Two pools of <c>size + 1</c> rows hold the probabilities, with the row of position j at j mod (<c>size + 1</c>). When a pass is
/// committed, the pools change places: the p of a position that is still open <em>is</em> the next pass's q, without a copy.</para>
/// <para>A pass judges a tree of <em>nodes</em>. Node 0 is the token before <see cref="Start"/>, and node k is the draft at
/// <see cref="Start"/> + k − 1. The nodes after those are branches, other codes that a method asks the model about with
/// <see cref="Branch"/>. A node's row of p is about the position after it. Without branches the tree is a chain.</para>
/// </remarks>
public sealed class Window
{
    private readonly int _size;
    private readonly int[] _codes;
    private readonly int[] _firstPass; // by position: the first of the consecutive passes that have predicted it
    private readonly int[] _steps; // by position: denoising steps before the model reads the code itself
    private readonly float[] _scratch;
    private readonly DraftTree _tree;
    private float[] _p;
    private float[] _q;

    /// <summary>An empty window over an image without any token.</summary>
    /// <param name="layout">The image's tokens.</param>
    /// <param name="size">The most drafts open at once, 0 or more.</param>
    /// <param name="branches">The most branches at once, 0 or more.</param>
    public Window(TokenLayout layout, int size, int branches = 0)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        ArgumentOutOfRangeException.ThrowIfNegative(branches);

        Layout = layout;
        _size = Math.Min(size, layout.LastCode);
        _codes = new int[layout.Length];
        _firstPass = new int[layout.Length];
        _steps = new int[layout.Length];
        _scratch = new float[layout.Codes];
        _tree = new DraftTree(branches, layout.Codes);
        _p = new float[(_size + 1) * layout.Codes];
        _q = new float[(_size + 1) * layout.Codes];
        Statistics = new PassStatistics(_size);
        Input = new PassInput(this, _tree);
    }

    /// <summary>The image's tokens.</summary>
    public TokenLayout Layout { get; }

    /// <summary>The first open position, which is the number of committed tokens.</summary>
    public int Start { get; private set; }

    /// <summary>One past the last draft. It never passes the last image code, because the structure behind it needs no pass.</summary>
    public int End { get; private set; }

    /// <summary>Open slots: <see cref="End"/> − <see cref="Start"/>.</summary>
    public int Drafts => End - Start;

    /// <summary>Codes beside the drafts that the pass is asked about.</summary>
    public int Branches => _tree.Count;

    /// <summary>Nodes of the tree that the pass judges: 1 + <see cref="Drafts"/> + <see cref="Branches"/>.</summary>
    public int Nodes => 1 + Drafts + Branches;

    /// <summary>One past the last position that a pass has predicted. The slots from here on are fresh: they need a first guess.</summary>
    public int Predicted { get; private set; }

    /// <summary>Whether every token is committed.</summary>
    public bool IsComplete => Start == Layout.Length;

    /// <summary>Image codes before <see cref="Start"/>.</summary>
    public int CommittedCodes => IsComplete ? Layout.ImageTokens : Layout.CodeIndex(Start)!.Value;

    /// <summary>What the passes so far carried, and how many of their drafts stood.</summary>
    public PassStatistics Statistics { get; }

    /// <summary>A row for a method's own computations, [codes]. Its content is lost when the method returns.</summary>
    public Span<float> Scratch => _scratch;

    /// <summary>The code at <paramref name="position"/>, committed or drafted; 0 where the token is forced.</summary>
    public int this[int position]
    {
        get => _codes[position];
        set => _codes[position] = value;
    }

    /// <summary>
    /// What the pass predicts for <paramref name="position"/>, <see cref="Start"/> to <see cref="End"/> inclusive, given the drafts before
    /// it: [codes], sums to 1. It is valid while drafts are verified.
    /// </summary>
    public ReadOnlySpan<float> P(int position) => RowOfP(position);

    /// <summary>
    /// What the pass predicts for the position after <paramref name="node"/>, given that node and its ancestors: [codes], sums to 1.
    /// It is valid while drafts are verified.
    /// </summary>
    public ReadOnlySpan<float> PAfter(int node) => PredictionRow(node);

    /// <summary>
    /// The distribution that the draft at <paramref name="position"/> was drawn from, <see cref="Start"/> to <see cref="End"/> − 1:
    /// [codes], sums to 1. While redrafting, <see cref="Start"/> − 1 also has a row if it is an image code: the pass's p of the last
    /// committed code.
    /// </summary>
    public Span<float> Q(int position)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(position, Start - 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(position, End);
        return Row(_q, position);
    }

    /// <summary>
    /// How many passes in a row have predicted the draft at <paramref name="position"/>, <see cref="Start"/> to <see cref="End"/> − 1,
    /// while it was open, not counting the present pass: 0 for a first guess.
    /// </summary>
    public int Age(int position) => position < Predicted ? Pass - _firstPass[position] : 0;

    /// <summary>
    /// Denoising steps that are left before the model reads the code at <paramref name="position"/> itself. Until then it reads an
    /// embedding between noise and the code's. It is 0 for every slot unless the method sets it.
    /// </summary>
    public int Step(int position) => _steps[position];

    /// <summary>Sets the denoising steps that are left when the next pass reads the slot at <paramref name="position"/>.</summary>
    /// <param name="position"><see cref="Start"/> or more, and an image code: structure is known.</param>
    /// <param name="steps">0 or more.</param>
    public void SetStep(int position, int steps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(position, Start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(position, End);
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
        _steps[position] = steps;
    }

    /// <summary>
    /// Asks the next pass about <paramref name="code"/> in the place after <paramref name="parent"/>. Call it from
    /// <see cref="ITreeMethod.Branch"/>, parents first.
    /// </summary>
    /// <param name="parent">A node whose place is before that of the last draft.</param>
    /// <param name="code">A code that no other child of the parent has.</param>
    /// <returns>The new node.</returns>
    /// <exception cref="InvalidOperationException">The window already has as many branches as it was made for.</exception>
    public int Branch(int parent, int code)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(parent);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(parent, Nodes);
        int position = PositionOf(parent) + 1;
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(position, End, nameof(parent));
        _tree.Add(parent, position, code);
        return Nodes - 1;
    }

    /// <summary>The position of <paramref name="node"/>.</summary>
    public int PositionOf(int node) => node <= Drafts ? Start - 1 + node : _tree.Branches[node - Drafts - 1].Position;

    /// <summary>
    /// The node that has <paramref name="code"/> in the place after <paramref name="node"/>; null if the model was not asked about it.
    /// </summary>
    public int? Child(int node, int code)
    {
        if (node < Drafts && _codes[Start + node] == code)
            return node + 1;
        int branch = _tree.Find(node, code);
        return branch < 0 ? null : Drafts + 1 + branch;
    }

    /// <summary>
    /// Copies the codes that the pass is asked about in the place after <paramref name="node"/>, in the order in which they were added.
    /// A draft is the first.
    /// </summary>
    /// <param name="codes">Long enough for them.</param>
    /// <returns>How many there are.</returns>
    public int CopyChildren(int node, Span<int> codes)
    {
        int count = 0;
        if (node < Drafts)
            codes[count++] = _codes[Start + node];
        foreach ((int parent, _, int code) in _tree.Branches)
        {
            if (parent == node)
                codes[count++] = code;
        }

        return count;
    }

    /// <summary>Copies the committed image codes, row by row.</summary>
    /// <param name="codes">[<see cref="TokenLayout.ImageTokens"/>]</param>
    /// <returns>How many are committed; the rest of <paramref name="codes"/> stays as it is.</returns>
    public int CopyCommittedCodes(Span<int> codes)
    {
        int count = 0;
        for (int position = 0; position < Start; position++)
        {
            if (!Layout.IsForced(position))
                codes[count++] = _codes[position];
        }

        return count;
    }

    /// <summary>The drafts that were asked for when the window was last opened, even if there was no room; null before that.</summary>
    internal int? RequestedDrafts { get; private set; }

    /// <summary>Committed tokens that the model's cache holds; the later ones are input of the next pass.</summary>
    internal int Cached { get; private set; }

    /// <summary>Passes so far, including the prefill: the number of the next pass.</summary>
    internal int Pass { get; private set; }

    /// <summary>What the next pass reads.</summary>
    internal PassInput Input { get; }

    /// <summary>The row of p that the pass writes for <paramref name="node"/>.</summary>
    internal Span<float> PredictionRow(int node)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(node);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(node, Nodes);
        return node <= Drafts ? RowOfP(Start + node) : _tree.P(node - Drafts - 1);
    }

    /// <summary>Commits the codes that a pass settled and the structure that must follow.</summary>
    internal void Commit(Verdict verdict)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(verdict.Accepted, nameof(verdict));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(verdict.Accepted, Drafts, nameof(verdict));
        ArgumentOutOfRangeException.ThrowIfNegative(verdict.OnChain, nameof(verdict));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(verdict.OnChain, verdict.Accepted, nameof(verdict));

        RecordSurvival(verdict.Accepted);
        for (int position = Math.Max(Predicted, Start); position <= End; position++)
            _firstPass[position] = Pass;
        if (Pass++ > 0)
            Statistics.Record(Drafts, verdict.Accepted);

        Predicted = End + 1;
        Cached = Start + verdict.OnChain;
        Start += verdict.Accepted;
        _codes[Start++] = verdict.Next;
        while (!IsComplete && Layout.IsForced(Start))
            _codes[Start++] = 0;

        End = Start;
        _tree.Clear();
        (_p, _q) = (_q, _p);
    }

    /// <summary>Opens the slots of the next pass: <paramref name="drafts"/> of them, or as many as there is room for.</summary>
    internal void Open(int drafts)
    {
        RequestedDrafts = drafts;
        End = Math.Max(Start, Math.Min(Start + Math.Min(drafts, _size), Layout.LastCode));
    }

    private void RecordSurvival(int accepted)
    {
        DraftSurvival survival = Statistics.Survival;
        survival.NextPass();
        for (int slot = 0; slot < Math.Min(accepted + 1, Drafts); slot++)
        {
            if (!Layout.IsForced(Start + slot))
                survival.Record(slot, Age(Start + slot), stood: slot < accepted);
        }

        survival.Fit();
    }

    private Span<float> RowOfP(int position)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(position, Start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(position, End);
        return Row(_p, position);
    }

    private Span<float> Row(float[] pool, int position) => pool.AsSpan(position % (_size + 1) * Layout.Codes, Layout.Codes);
}
