namespace SjdOnnx.Decoding;

/// <summary>
/// The output of a forward pass: the logits of the next tokens. It is a view of the model's memory, valid until the next call of the model.
/// Both lanes are [rows × codes], row-major.
/// </summary>
public readonly ref struct Logits
{
    private readonly ReadOnlySpan<float> _conditional;
    private readonly ReadOnlySpan<float> _unconditional;
    private readonly int _codes;

    /// <summary>A view of one lane or two.</summary>
    /// <param name="conditional">Logits given the prompt.</param>
    /// <param name="unconditional">Logits without the prompt, of the same shape; empty if the model runs one lane.</param>
    /// <param name="codes">Width of a row.</param>
    /// <exception cref="ArgumentException">A lane is not a whole number of rows, or the lanes differ in length.</exception>
    public Logits(ReadOnlySpan<float> conditional, ReadOnlySpan<float> unconditional, int codes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(codes, 1);
        if (conditional.Length % codes != 0)
        {
            throw new ArgumentException(
                $"{conditional.Length} logits are not a whole number of rows of {codes} codes.", nameof(conditional));
        }

        if (!unconditional.IsEmpty && unconditional.Length != conditional.Length)
        {
            throw new ArgumentException(
                $"The unconditional lane has {unconditional.Length} logits, the conditional one {conditional.Length}.",
                nameof(unconditional));
        }

        _conditional = conditional;
        _unconditional = unconditional;
        _codes = codes;
    }

    /// <summary>Rows in each lane.</summary>
    public int Rows => _conditional.Length / _codes;

    /// <summary>Row <paramref name="row"/> given the prompt.</summary>
    public ReadOnlySpan<float> Conditional(int row) => _conditional.Slice(row * _codes, _codes);

    /// <summary>Row <paramref name="row"/> without the prompt; empty if the model runs one lane.</summary>
    public ReadOnlySpan<float> Unconditional(int row) => _unconditional.IsEmpty ? [] : _unconditional.Slice(row * _codes, _codes);
}
