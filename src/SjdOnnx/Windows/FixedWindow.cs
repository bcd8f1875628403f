using SjdOnnx.Decoding;

namespace SjdOnnx.Windows;

/// <summary>Every pass carries the same number of drafts, as far as the image has room for them.</summary>
public sealed class FixedWindow : IWindowPolicy
{
    /// <summary>The largest window.</summary>
    public const int Max = 1024;

    /// <param name="drafts">0 to <see cref="Max"/>; 0 decodes one token per pass.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is out of range.</exception>
    public FixedWindow(int drafts) => MaxDrafts = drafts is >= 0 and <= Max
        ? drafts
        : throw new ArgumentOutOfRangeException(
            nameof(drafts), drafts, $"The window must be between 0 and {Max} drafts; 16 is usual.");

    /// <inheritdoc/>
    public int MaxDrafts { get; }

    /// <inheritdoc/>
    public int NextDrafts(Window window) => MaxDrafts;
}
