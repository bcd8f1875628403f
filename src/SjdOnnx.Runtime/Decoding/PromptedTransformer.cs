using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>
/// A picture's place in a transformer that has been given its prompt, in one lane or two: conditional, and unconditional for guidance. The
/// lanes' prompts differ in length; what is generated is the same in both.
/// </summary>
/// <param name="slot">Which of the transformer's pictures this is, from 0.</param>
/// <param name="most">The most ids fed at once.</param>
/// <param name="noise">The embeddings of positions that are read as noise; null where none is.</param>
/// <param name="inPairs">
/// Whether an id that comes alone is read together with a copy behind it, which is forgotten. Attention takes another path for one
/// new token than for several, whose sums round differently; so every pass takes the same.
/// </param>
internal sealed class PromptedTransformer(
    Transformer transformer, Prompt prompt, int slot, KeyValueCache cache, int most, NoisyEmbeddings? noise, bool inPairs) : IPromptedModel
{
    private readonly int[][] _prompts = transformer.Lanes == 1 ? [prompt.Conditional] : [prompt.Conditional, prompt.Unconditional];
    private readonly int[] _ids = new int[most + 1];
    private readonly int[] _parents = new int[most];
    private bool _prefill;
    private int _count;
    private int _copies;
    private int _branching;
    private int _generated;
    private ReadOnlyMemory<float> _logits;

    /// <summary>Runs its passes.</summary>
    public Transformer Transformer => transformer;

    public int Codes => transformer.Codes;

    public Logits Logits
    {
        get
        {
            int lane = Rows * Codes;
            return new Logits(_logits.Span[..lane], _prompts.Length == 1 ? [] : _logits.Span[lane..], Codes);
        }
    }

    /// <summary>Which of the transformer's pictures this is, from 0.</summary>
    public int Slot => slot;

    /// <summary>What a text encoder made of the prompt; null where there is none.</summary>
    public Condition? Condition => prompt.Condition;

    public KeyValueCache Cache => cache;

    /// <summary>The embeddings of positions that are read as noise; null where none ever is.</summary>
    public NoisyEmbeddings? Noise => noise;

    /// <summary>Rows of logits wanted of each lane: those of the last tokens.</summary>
    public int Rows { get; private set; }

    /// <summary>Whether each of the tokens follows the one before it.</summary>
    public bool IsChain => _branching == 0;

    /// <summary>Entry i: which of the tokens the i-th follows, −1 for the last one cached. Empty for a chain.</summary>
    public ReadOnlySpan<int> Parents => _parents.AsSpan(0, _branching);

    public void FeedPrompt()
    {
        (_prefill, _copies, _branching, _generated, Rows) = (true, 0, 0, 0, 1);
        noise?.ReadNone();
        transformer.Enter(this);
    }

    public void Feed(ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> parents)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, ids.Length);
        ids.CopyTo(_ids);
        parents.CopyTo(_parents);
        _copies = inPairs && ids.Length == 1 ? 1 : 0;
        if (_copies == 1)
            _ids[1] = _ids[0];
        (_prefill, _count, _branching, Rows) = (false, ids.Length + _copies, parents.Length, rows);
        noise?.ReadNone();
        _generated += ids.Length;
        transformer.Enter(this);
    }

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">It was made for a method that reads none.</exception>
    public void FeedNoisy(ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> steps, Randomness randomness)
    {
        if (noise is null)
            throw new NotSupportedException("This model was made ready for a method that reads no noise.");
        int position = _generated;
        Feed(ids, rows, parents: []);
        noise.Read(position, steps, randomness);
    }

    /// <summary>What the next pass reads in this lane.</summary>
    public ReadOnlySpan<int> Tokens(int lane) => _prefill ? _prompts[lane] : _ids.AsSpan(0, _count);

    /// <summary>Tokens at the end of <see cref="Tokens"/> that nobody asks about.</summary>
    public int Copies => _copies;

    /// <summary>The lane's length after the next pass, copies included.</summary>
    public int Length(int lane) => _prompts[lane].Length + _generated + _copies;

    /// <summary>Only a number: the next pass writes over what lies behind it.</summary>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, _generated);
        _generated = length;
    }

    /// <param name="logits">[lanes × <see cref="Rows"/> × <see cref="Codes"/>], valid until the transformer's next pass.</param>
    public void Receive(ReadOnlyMemory<float> logits) => _logits = logits;
}
