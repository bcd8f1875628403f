namespace SjdOnnx.Decoding;

/// <summary>
/// Parts of a picture that are drawn one token at a time, as the settings of some models want it. What is sampled stays the same: which
/// slots are open depends on the place alone.
/// </summary>
public sealed record SequentialParts
{
    /// <param name="first">Codes at the beginning, 0 or more, the first of all not counted: the prefill draws that.</param>
    /// <param name="last">Codes at the end, 0 or more.</param>
    public SequentialParts(int first, int last)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegative(last);
        (First, Last) = (first, last);
    }

    /// <summary>Codes at the beginning, the first of all not counted.</summary>
    public int First { get; }

    /// <summary>Codes at the end.</summary>
    public int Last { get; }

    /// <summary>The most drafts of the next pass, 0 or more.</summary>
    /// <param name="window">A window that has just committed.</param>
    internal int Room(Window window)
    {
        TokenLayout layout = window.Layout;
        int drafted = layout.ImageTokens - Last;
        return window.CommittedCodes <= First || window.CommittedCodes >= drafted ? 0 : layout.Position(drafted - 1) + 1 - window.Start;
    }
}
