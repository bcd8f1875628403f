using SjdOnnx.Decoding;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>
/// A transformer that has been given its prompt, in one lane or two: conditional, and unconditional for guidance. The lanes' prompts
/// differ in length; what is generated is the same in both.
/// </summary>
internal sealed class PromptedTransformer(Transformer transformer, Bindings bindings, Prompt prompt) : IPromptedModel, IForwardPass
{
    private readonly int[][] _prompts = transformer.Lanes == 1 ? [prompt.Conditional] : [prompt.Conditional, prompt.Unconditional];
    private int _generated;
    private int _tokens;
    private int _rows;

    public int Codes => transformer.Codes;

    public Logits Logits
    {
        get
        {
            int lane = _rows * Codes;
            ReadOnlySpan<float> logits = bindings.Logits.Span;
            return new Logits(logits[..lane], _prompts.Length == 1 ? [] : logits.Slice(lane, lane), Codes);
        }
    }

    public void FeedPrompt()
    {
        _generated = 0;
        _tokens = 0;
        for (var lane = 0; lane < _prompts.Length; lane++)
        {
            foreach (int id in _prompts[lane])
                bindings.InputIds[_tokens++] = id;
            bindings.LogitsRows[lane] = _tokens - 1;
            bindings.SetLane(lane, _prompts[lane].Length, _prompts[lane].Length);
        }
        _rows = 1;
    }

    public void Feed(ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> parents)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, ids.Length);
        _generated += ids.Length;
        for (var lane = 0; lane < _prompts.Length; lane++)
        {
            int first = lane * ids.Length;
            for (var i = 0; i < ids.Length; i++)
                bindings.InputIds[first + i] = ids[i];
            for (var row = 0; row < rows; row++)
                bindings.LogitsRows[(lane * rows) + row] = first + ids.Length - rows + row;
            bindings.SetLane(lane, ids.Length, _prompts[lane].Length + _generated);
        }
        (_tokens, _rows) = (_prompts.Length * ids.Length, rows);
    }

    public void Run(CancellationToken cancellationToken) =>
        transformer.Session.Run(bindings.For(_tokens, _rows * _prompts.Length), cancellationToken);

    /// <summary>Only a number: the next pass writes over what lies behind it.</summary>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, _generated);
        _generated = length;
    }
}
