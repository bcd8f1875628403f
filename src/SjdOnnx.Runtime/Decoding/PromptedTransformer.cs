using SjdOnnx.Decoding;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>
/// A transformer that has been given its prompt, in one lane or two: conditional, and unconditional for guidance. The lanes' prompts
/// differ in length; what is generated is the same in both.
/// </summary>
internal sealed class PromptedTransformer(Transformer transformer, Bindings bindings, Prompt prompt) : IPromptedModel
{
    private readonly int[][] _prompts = transformer.Lanes == 1 ? [prompt.Conditional] : [prompt.Conditional, prompt.Unconditional];
    private int _generated;

    public int Codes => transformer.Codes;

    /// <summary>All lanes' prompts in one Run: the weights are read once.</summary>
    public Logits Prefill(CancellationToken cancellationToken)
    {
        _generated = 0;
        var tokens = 0;
        for (var lane = 0; lane < _prompts.Length; lane++)
        {
            foreach (int id in _prompts[lane])
                bindings.InputIds[tokens++] = id;
            bindings.LogitsRows[lane] = tokens - 1;
            bindings.SetLane(lane, _prompts[lane].Length, _prompts[lane].Length);
        }
        return Run(tokens, rows: 1, cancellationToken);
    }

    public Logits Forward(ReadOnlySpan<int> ids, int rows, CancellationToken cancellationToken)
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
        return Run(_prompts.Length * ids.Length, rows, cancellationToken);
    }

    /// <summary>Only a number: the next pass writes over what lies behind it.</summary>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, _generated);
        _generated = length;
    }

    /// <param name="rows">Rows of logits for each lane.</param>
    private Logits Run(int tokens, int rows, CancellationToken cancellationToken)
    {
        transformer.Session.Run(bindings.For(tokens, rows * _prompts.Length), cancellationToken);
        int lane = rows * Codes;
        ReadOnlySpan<float> logits = bindings.Logits.Span;
        return new Logits(logits[..lane], _prompts.Length == 1 ? [] : logits.Slice(lane, lane), Codes);
    }
}
