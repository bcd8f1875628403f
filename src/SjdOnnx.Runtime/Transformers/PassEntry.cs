using SjdOnnx.Runtime.Prompts;
using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime.Transformers;

/// <summary>
/// What one image brings to the next forward pass, in one lane or two: conditional, and unconditional for guidance. The lanes' prompts
/// differ in length; the tokens that are generated are the same in both.
/// </summary>
/// <param name="cache">The image's cache.</param>
/// <param name="prompt">The prompt.</param>
/// <param name="lanes">1 or 2.</param>
/// <param name="maxIds">The most ids in a pass after the prompt, copies included.</param>
/// <param name="noise">The embeddings of positions that are read as noise; null if none ever is.</param>
internal sealed class PassEntry(KeyValueCache cache, Prompt prompt, int lanes, int maxIds, NoisyEmbeddings? noise)
{
    private readonly int[][] _prompts = lanes == 1 ? [prompt.Conditional] : [prompt.Conditional, prompt.Unconditional];
    private readonly int _longestPrompt = Math.Max(prompt.Conditional.Length, lanes == 1 ? 0 : prompt.Unconditional.Length);
    private readonly int[] _ids = new int[maxIds];
    private readonly int[] _parents = new int[maxIds];
    private bool _prefill;
    private int _count;
    private int _parentCount;

    public KeyValueCache Cache => cache;

    public int Lanes => _prompts.Length;

    /// <summary>What a text encoder made of the prompt; null if there is no text encoder.</summary>
    public Condition? Condition => prompt.Condition;

    public NoisyEmbeddings? Noise => noise;

    /// <summary>Rows of logits wanted from each lane: those of its last tokens, without the copies.</summary>
    public int Rows { get; private set; }

    /// <summary>Copies at the end of the tokens, whose logits nobody reads.</summary>
    public int Copies { get; private set; }

    /// <summary>Generated tokens after the pass, copies not counted.</summary>
    public int Generated { get; private set; }

    /// <summary>Whether each token follows the one before it.</summary>
    public bool IsChain => _parentCount == 0 && Timesteps.IsEmpty;

    /// <summary>
    /// For each timestep token of the pass the index of the noisy token that sees it, timestep tokens not counted. They are one after
    /// another before the first noisy token, so that tokens that may stay in the cache come before them.
    /// </summary>
    public ReadOnlySpan<int> Timesteps => noise is null ? [] : noise.Timesteps;

    /// <summary>Whether the pass reads the prompt.</summary>
    public bool IsPrefill => _prefill;

    /// <summary>Tokens of the longest lane.</summary>
    public int MaxTokens => _prefill ? _longestPrompt : _count;

    /// <summary>Entry i: which of the tokens the i-th follows, −1 for the last one cached. Empty for a chain.</summary>
    public ReadOnlySpan<int> Parents => _parents.AsSpan(0, _parentCount);

    /// <summary>For each lane [rows × codes] or more after the pass, valid until the next one.</summary>
    public PassField<float>[] Logits { get; } = new PassField<float>[lanes];

    /// <summary>What the pass reads in this lane.</summary>
    public ReadOnlySpan<int> Tokens(int lane) => _prefill ? _prompts[lane] : _ids.AsSpan(0, _count);

    /// <summary>The lane's length after the pass, copies included.</summary>
    public int Length(int lane) => _prompts[lane].Length + Generated + Copies;

    /// <summary>The length of the longest lane after the pass, copies included.</summary>
    public int MaxLength => _longestPrompt + Generated + Copies;

    /// <summary>The pass reads the prompt into an emptied cache.</summary>
    public void SetPrompt()
    {
        (_prefill, _parentCount, Copies, Generated, Rows) = (true, 0, 0, 0, 1);
        noise?.ReadNone();
    }

    /// <summary>The pass appends ids to the cache.</summary>
    /// <param name="inPairs">
    /// Whether a lone id is padded to two: attention uses another kernel for one new token than for several, and their sums round
    /// differently.
    /// </param>
    public void SetIds(ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> parents, bool inPairs)
    {
        ids.CopyTo(_ids);
        parents.CopyTo(_parents);
        Copies = inPairs && ids.Length == 1 ? 1 : 0;
        if (Copies == 1)
            _ids[1] = _ids[0];
        (_prefill, _count, _parentCount, Rows) = (false, ids.Length + Copies, parents.Length, rows);
        noise?.ReadNone();
        Generated += ids.Length;
    }

    /// <summary>The pass that was just set reads some of its ids as noise.</summary>
    /// <param name="first">The position of the first id.</param>
    /// <param name="steps">For each id the denoising steps that are left.</param>
    public void SetNoise(int first, ReadOnlySpan<int> steps, Randomness randomness)
    {
        noise!.Read(first, steps, randomness);
        int added = Timesteps.Length;
        if (added == 0)
            return;
        int place = Timesteps[0];
        _ids.AsSpan(place, _count - place).CopyTo(_ids.AsSpan(place + added));
        _ids.AsSpan(place, added).Clear(); // any id: the graph reads their embeddings
        _count += added;
        Generated += added;
    }

    /// <summary>
    /// Adds copies of the last token to every lane; they come after all that is wanted, so nothing wanted depends on them.
    /// </summary>
    /// <param name="tokens">The new number of tokens of a lane, not less than now. The pass must not be the prefill.</param>
    public void PadTo(int tokens)
    {
        _ids.AsSpan(_count, tokens - _count).Fill(_ids[_count - 1]);
        Copies += tokens - _count;
        _count = tokens;
    }

    /// <summary>Shortens the cache. This only sets a number: the next pass overwrites what lies behind it.</summary>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Generated);
        Generated = length;
    }
}

/// <summary>A lane of an image, in a pass.</summary>
/// <param name="Index">0 is conditional, 1 unconditional.</param>
internal readonly record struct PassLane(PassEntry Entry, int Index)
{
    /// <summary>What the pass reads.</summary>
    public ReadOnlySpan<int> Tokens => Entry.Tokens(Index);
}
