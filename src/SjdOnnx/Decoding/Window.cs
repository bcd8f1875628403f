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
/// </remarks>
public sealed class Window
{
    private readonly int _size;
    private readonly int[] _codes;
    private readonly int[] _ids;
    private readonly int[] _acceptedHistogram;
    private float[] _p;
    private float[] _q;
    private int _passes;

    /// <summary>An empty window over a picture of which nothing is known.</summary>
    /// <param name="layout">The picture's tokens.</param>
    /// <param name="size">The most drafts open at once, 0 or more.</param>
    public Window(TokenLayout layout, int size)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentOutOfRangeException.ThrowIfNegative(size);

        Layout = layout;
        _size = Math.Min(size, layout.LastCode);
        _codes = new int[layout.Length];
        _ids = new int[layout.Length];
        _acceptedHistogram = new int[_size + 1];
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

    /// <summary>One past the last position that a pass has predicted. The slots from here on are fresh: they need a first guess.</summary>
    public int Predicted { get; private set; }

    /// <summary>Whether every token is committed.</summary>
    public bool IsComplete => Start == Layout.Length;

    /// <summary>Forward passes so far, the prefill not counted.</summary>
    public int ForwardPasses => Math.Max(0, _passes - 1);

    /// <summary>Entry k: how many of <see cref="ForwardPasses"/> accepted k drafts.</summary>
    public ReadOnlySpan<int> AcceptedHistogram => _acceptedHistogram;

    /// <summary>The code at <paramref name="position"/>, committed or drafted; 0 where the token is forced.</summary>
    public int this[int position]
    {
        get => _codes[position];
        set => _codes[position] = value;
    }

    /// <summary>
    /// What the pass predicts for <paramref name="position"/>, <see cref="Start"/> to <see cref="End"/> inclusive: [codes], sums to 1.
    /// It is there while drafts are verified.
    /// </summary>
    public ReadOnlySpan<float> P(int position) => PredictionRow(position);

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

    /// <summary>Committed tokens that the model's cache holds; the later ones are input of the next pass.</summary>
    internal int Cached { get; private set; }

    /// <summary>Passes so far, the prefill counted: the number of the pass to come.</summary>
    internal int Pass => _passes;

    /// <summary>Ids of the committed tokens that the cache lacks, then of the drafts.</summary>
    internal ReadOnlySpan<int> InputIds() => Ids(Cached..End);

    /// <summary>Ids of all tokens of a complete picture.</summary>
    internal int[] ToIds() => Ids(..).ToArray();

    internal Span<float> PredictionRow(int position)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(position, Start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(position, End);
        return Row(_p, position);
    }

    /// <summary>Commits what a pass settled and the structure that must follow, and opens the next window.</summary>
    internal void Commit(Verdict verdict)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(verdict.Accepted, nameof(verdict));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(verdict.Accepted, Drafts, nameof(verdict));

        if (_passes++ > 0)
            _acceptedHistogram[verdict.Accepted]++;

        Cached = Start + verdict.Accepted;
        _codes[Cached] = verdict.Next;
        Predicted = End + 1;
        Start = Cached + 1;
        while (!IsComplete && Layout.IsForced(Start))
            _codes[Start++] = 0;

        End = Math.Max(Start, Math.Min(Start + _size, Layout.LastCode));
        (_p, _q) = (_q, _p);
    }

    private ReadOnlySpan<int> Ids(Range positions)
    {
        (int start, int count) = positions.GetOffsetAndLength(_ids.Length);
        for (int position = start; position < start + count; position++)
            _ids[position] = Layout.Id(position, _codes[position]);
        return _ids.AsSpan(start, count);
    }

    private Span<float> Row(float[] pool, int position) => pool.AsSpan(position % (_size + 1) * Layout.Codes, Layout.Codes);
}
