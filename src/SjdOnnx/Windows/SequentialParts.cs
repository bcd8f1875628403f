using SjdOnnx.Decoding;

namespace SjdOnnx.Windows;

/// <summary>
/// Draws the beginning and the end of an image one token at a time, as the settings of some models demand, and leaves the rest to another
/// policy. Sampling stays exact: the limit depends on the position alone.
/// </summary>
public sealed class SequentialParts : IWindowPolicy
{
    private readonly IWindowPolicy _inner;
    private readonly int _first;
    private readonly int _last;

    /// <param name="inner">Decides between the two parts.</param>
    /// <param name="first">Codes at the beginning, 0 or more, not counting the first of all, which the prefill draws.</param>
    /// <param name="last">Codes at the end, 0 or more.</param>
    public SequentialParts(IWindowPolicy inner, int first, int last)
    {
        ArgumentNullException.ThrowIfNull(inner);
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegative(last);
        (_inner, _first, _last) = (inner, first, last);
    }

    /// <inheritdoc/>
    public int MaxDrafts => _inner.MaxDrafts;

    /// <inheritdoc/>
    public int NextDrafts(Window window)
    {
        ArgumentNullException.ThrowIfNull(window);
        return Math.Min(_inner.NextDrafts(window), Room(window));
    }

    private int Room(Window window)
    {
        TokenLayout layout = window.Layout;
        int drafted = layout.ImageTokens - _last;
        return window.CommittedCodes <= _first || window.CommittedCodes >= drafted ? 0 : layout.Position(drafted - 1) + 1 - window.Start;
    }
}
