namespace SjdOnnx.Decoding;

/// <summary>
/// The picture being decoded: the codes committed so far, and the drafts that follow them. The draft at a position was
/// drawn from <see cref="Q"/> of that position, and <see cref="P"/> of that position is the distribution that judges it.
/// </summary>
/// <remarks>
/// <para>Everything is addressed by absolute position, 0 being the first token after the prompt:</para>
/// <code>
///   0 … Start − 1          committed                                     (forced ones included)
///   Start … End − 1        drafts, each with its q and, after a pass, p
///   End                    no draft, but the pass predicts it too: p only
/// </code>
/// <para>Probability rows lie in two pools of <c>size + 1</c> rows, the row of position j at j mod (<c>size + 1</c>). When a pass is
/// committed the pools change places: its p of a position still open <em>is</em> the next pass's q, at the same address, uncopied.</para>
/// <para>A pass judges a tree of <em>nodes</em>: node 0 is the token before <see cref="Start"/>, node k the draft at
/// <see cref="Start"/> + k − 1, and the numbers after those are branches, other codes that a method asks the model about with
/// <see cref="Branch"/>. Each node's row of p is about the position after it. Without branches the tree is a chain.</para>
/// </remarks>
public sealed class Window
{
    private readonly int _size;
    private readonly int[] _codes;
    private readonly int[] _ids;
    private readonly int[] _firstPass; // by position: the first of the consecutive passes that have predicted it
    private readonly int[] _steps; // by position: denoising steps before the model reads the code itself
    private readonly int[] _inputSteps;
    private readonly int[] _acceptedHistogram;
    private readonly int[] _passesOfNodes;
    private readonly (int Parent, int Position, int Code)[] _branches;
    private readonly int[] _parents;
    private readonly float[] _branchP;
    private readonly float[] _scratch;
    private float[] _p;
    private float[] _q;
    private int _passes;
    private int _drafts; // of all passes

    /// <summary>An empty window over a picture of which nothing is known.</summary>
    /// <param name="layout">The picture's tokens.</param>
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
        _ids = new int[layout.Length + branches];
        _firstPass = new int[layout.Length];
        _steps = new int[layout.Length];
        _inputSteps = new int[layout.Length];
        _acceptedHistogram = new int[_size + 1];
        _passesOfNodes = new int[_size + branches + 2];
        _branches = new (int, int, int)[branches];
        _parents = branches == 0 ? [] : new int[layout.Length + branches];
        _branchP = new float[branches * layout.Codes];
        _scratch = new float[layout.Codes];
        _p = new float[(_size + 1) * layout.Codes];
        _q = new float[(_size + 1) * layout.Codes];
    }

    /// <summary>The picture's tokens.</summary>
    public TokenLayout Layout { get; }

    /// <summary>The first open position, which is the number of committed tokens.</summary>
    public int Start { get; private set; }

    /// <summary>One past the last draft; never past the last image code, since the structure behind it needs no pass.</summary>
    public int End { get; private set; }

    /// <summary>Open slots: <see cref="End"/> − <see cref="Start"/>.</summary>
    public int Drafts => End - Start;

    /// <summary>Codes beside the drafts that the pass is asked about.</summary>
    public int Branches { get; private set; }

    /// <summary>Nodes of the tree that the pass judges: 1 + <see cref="Drafts"/> + <see cref="Branches"/>.</summary>
    public int Nodes => 1 + Drafts + Branches;

    /// <summary>One past the last position that a pass has predicted. The slots from here on are fresh: they need a first guess.</summary>
    public int Predicted { get; private set; }

    /// <summary>Whether every token is committed.</summary>
    public bool IsComplete => Start == Layout.Length;

    /// <summary>Image codes before <see cref="Start"/>.</summary>
    public int CommittedCodes => IsComplete ? Layout.ImageTokens : Layout.CodeIndex(Start)!.Value;

    /// <summary>Forward passes so far, the prefill not counted.</summary>
    public int ForwardPasses => Math.Max(0, _passes - 1);

    /// <summary>Drafts that those passes judged, in the mean; 0 before the first.</summary>
    public double DraftsPerPass => _drafts / (double)Math.Max(1, ForwardPasses);

    /// <summary>Entry k: how many of <see cref="ForwardPasses"/> accepted k drafts.</summary>
    public ReadOnlySpan<int> AcceptedHistogram => _acceptedHistogram;

    /// <summary>How often drafts stood that were tested: of committed positions only, so that it may guide what comes after them.</summary>
    public DraftSurvival Survival { get; } = new();

    /// <summary>A row for a method's own computations, [codes]; whatever was in it may be gone after the method returns.</summary>
    public Span<float> Scratch => _scratch;

    /// <summary>The code at <paramref name="position"/>, committed or drafted; 0 where the token is forced.</summary>
    public int this[int position]
    {
        get => _codes[position];
        set => _codes[position] = value;
    }

    /// <summary>
    /// What the pass predicts for <paramref name="position"/>, <see cref="Start"/> to <see cref="End"/> inclusive, given the drafts before
    /// it: [codes], sums to 1. It is there while drafts are verified.
    /// </summary>
    public ReadOnlySpan<float> P(int position) => RowOfP(position);

    /// <summary>
    /// What the pass predicts for the position after <paramref name="node"/>, given that node and its ancestors: [codes], sums to 1.
    /// It is there while drafts are verified.
    /// </summary>
    public ReadOnlySpan<float> PAfter(int node) => PredictionRow(node);

    /// <summary>
    /// The distribution that the draft at <paramref name="position"/> was drawn from, <see cref="Start"/> to <see cref="End"/> − 1:
    /// [codes], sums to 1. While redrafting, <see cref="Start"/> − 1 has a row too where it is an image code: the pass's p of the
    /// code it committed last.
    /// </summary>
    public Span<float> Q(int position)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(position, Start - 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(position, End);
        return Row(_q, position);
    }

    /// <summary>
    /// How many passes in a row have predicted the draft at <paramref name="position"/>, <see cref="Start"/> to <see cref="End"/> − 1,
    /// while it was open, the present one not counted: 0 for a first guess.
    /// </summary>
    public int Age(int position) => position < Predicted ? _passes - _firstPass[position] : 0;

    /// <summary>
    /// Denoising steps that are left before the model reads the code at <paramref name="position"/> itself. It is 0 for every slot unless a
    /// method says otherwise: what the model reads there then is an embedding between noise and the code's.
    /// </summary>
    public int Step(int position) => _steps[position];

    /// <summary>Has the next pass read the slot at <paramref name="position"/> with so many denoising steps left.</summary>
    /// <param name="position"><see cref="Start"/> to <see cref="End"/> inclusive, an image code: structure is known.</param>
    /// <param name="steps">0 or more.</param>
    public void SetStep(int position, int steps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(position, Start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(position, End);
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
        _steps[position] = steps;
    }

    /// <summary>
    /// Asks the next pass about <paramref name="code"/> in the place after <paramref name="parent"/>. To be called while redrafting,
    /// parents first.
    /// </summary>
    /// <param name="parent">A node whose place is before that of the last draft.</param>
    /// <param name="code">A code that no other child of the parent has.</param>
    /// <returns>The new node.</returns>
    /// <exception cref="InvalidOperationException">The window has as many branches as it was made for.</exception>
    public int Branch(int parent, int code)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(parent);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(parent, Nodes);
        int position = PositionOf(parent) + 1;
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(position, End, nameof(parent));
        if (Branches == _branches.Length)
            throw new InvalidOperationException($"The window was made for {_branches.Length} branches.");

        _branches[Branches++] = (parent, position, code);
        return Nodes - 1;
    }

    /// <summary>The position of <paramref name="node"/>.</summary>
    public int PositionOf(int node) => node <= Drafts ? Start - 1 + node : _branches[node - Drafts - 1].Position;

    /// <summary>
    /// The node that has <paramref name="code"/> in the place after <paramref name="node"/>, or null: the model was not asked.
    /// </summary>
    public int? Child(int node, int code)
    {
        if (node < Drafts && _codes[Start + node] == code)
            return node + 1;

        for (int branch = 0; branch < Branches; branch++)
        {
            if (_branches[branch].Parent == node && _branches[branch].Code == code)
                return Drafts + 1 + branch;
        }

        return null;
    }

    /// <summary>
    /// Copies the codes that the pass is asked about in the place after <paramref name="node"/>, in the order in which they came: a draft
    /// is the first.
    /// </summary>
    /// <param name="codes">Long enough for them.</param>
    /// <returns>How many there are.</returns>
    public int CopyChildren(int node, Span<int> codes)
    {
        int count = 0;
        if (node < Drafts)
            codes[count++] = _codes[Start + node];
        foreach ((int parent, _, int code) in _branches.AsSpan(0, Branches))
        {
            if (parent == node)
                codes[count++] = code;
        }

        return count;
    }

    /// <summary>Copies the committed image codes, row by row.</summary>
    /// <param name="codes">[<see cref="TokenLayout.ImageTokens"/>]</param>
    /// <returns>How many are committed; the rest of <paramref name="codes"/> is left as it is.</returns>
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

    /// <summary>
    /// Drafts that were asked for when the window was last opened, whether there was room or not; null before the first time.
    /// </summary>
    internal int? ChosenDrafts { get; private set; }

    /// <summary>Entry n: how many of <see cref="ForwardPasses"/> judged n nodes.</summary>
    internal ReadOnlySpan<int> PassesOfNodes => _passesOfNodes;

    /// <summary>Committed tokens that the model's cache holds; the later ones are input of the next pass.</summary>
    internal int Cached { get; private set; }

    /// <summary>Passes so far, the prefill counted: the number of the pass to come.</summary>
    internal int Pass => _passes;

    /// <summary>Ids of the committed tokens that the cache lacks, then of the drafts, then of the branches.</summary>
    internal ReadOnlySpan<int> InputIds()
    {
        int count = WriteIds(Cached, End);
        for (int branch = 0; branch < Branches; branch++)
            _ids[count++] = Layout.Id(_branches[branch].Position, _branches[branch].Code);
        return _ids.AsSpan(0, count);
    }

    /// <summary>For each of <see cref="InputIds"/> the index of the one it follows, −1 for the cache's last; empty for a chain.</summary>
    internal ReadOnlySpan<int> InputParents()
    {
        if (Branches == 0)
            return [];

        int chain = End - Cached;
        for (int i = 0; i < chain; i++)
            _parents[i] = i - 1;
        int root = Start - 1 - Cached; // the index of node 0
        for (int branch = 0; branch < Branches; branch++)
            _parents[chain + branch] = root + _branches[branch].Parent;
        return _parents.AsSpan(0, chain + Branches);
    }

    /// <summary>The <see cref="Step"/> of each of <see cref="InputIds"/>; empty if all are 0.</summary>
    internal ReadOnlySpan<int> InputSteps()
    {
        ReadOnlySpan<int> open = _steps.AsSpan(Start, Drafts);
        if (open.IndexOfAnyExcept(0) < 0)
            return [];

        int committed = Start - Cached;
        Array.Clear(_inputSteps, 0, committed);
        open.CopyTo(_inputSteps.AsSpan(committed));
        return _inputSteps.AsSpan(0, committed + Drafts);
    }

    /// <summary>Ids of all tokens of a complete picture.</summary>
    internal int[] ToIds() => _ids[..WriteIds(0, Layout.Length)];

    internal Span<float> PredictionRow(int node)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(node);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(node, Nodes);
        return node <= Drafts ? RowOfP(Start + node) : _branchP.AsSpan((node - Drafts - 1) * Layout.Codes, Layout.Codes);
    }

    /// <summary>Commits what a pass settled and the structure that must follow.</summary>
    internal void Commit(Verdict verdict)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(verdict.Accepted, nameof(verdict));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(verdict.Accepted, Drafts, nameof(verdict));
        ArgumentOutOfRangeException.ThrowIfNegative(verdict.OnChain, nameof(verdict));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(verdict.OnChain, verdict.Accepted, nameof(verdict));

        _drafts += Drafts;
        RecordSurvival(verdict.Accepted);
        for (int position = Math.Max(Predicted, Start); position <= End; position++)
            _firstPass[position] = _passes;
        if (_passes++ > 0)
        {
            _acceptedHistogram[verdict.Accepted]++;
            _passesOfNodes[Nodes]++;
        }

        Predicted = End + 1;
        Cached = Start + verdict.OnChain;
        Start += verdict.Accepted;
        _codes[Start++] = verdict.Next;
        while (!IsComplete && Layout.IsForced(Start))
            _codes[Start++] = 0;

        End = Start;
        Branches = 0;
        (_p, _q) = (_q, _p);
    }

    /// <summary>Opens the slots of the next pass: <paramref name="drafts"/> of them, or as many as there is room for.</summary>
    internal void Open(int drafts)
    {
        ChosenDrafts = drafts;
        End = Math.Max(Start, Math.Min(Start + Math.Min(drafts, _size), Layout.LastCode));
    }

    private void RecordSurvival(int accepted)
    {
        Survival.NextPass();
        for (int slot = 0; slot < Math.Min(accepted + 1, Drafts); slot++)
        {
            if (!Layout.IsForced(Start + slot))
                Survival.Record(slot, Age(Start + slot), stood: slot < accepted);
        }

        Survival.Fit();
    }

    private int WriteIds(int start, int end)
    {
        for (int position = start; position < end; position++)
            _ids[position - start] = Layout.Id(position, _codes[position]);
        return end - start;
    }

    private Span<float> RowOfP(int position)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(position, Start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(position, End);
        return Row(_p, position);
    }

    private Span<float> Row(float[] pool, int position) => pool.AsSpan(position % (_size + 1) * Layout.Codes, Layout.Codes);
}
