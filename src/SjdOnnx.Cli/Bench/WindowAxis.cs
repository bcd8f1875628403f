using System.Globalization;

namespace SjdOnnx.Cli.Bench;

/// <summary>The axis of windows: by their logarithm, since each doubling counts alike.</summary>
internal sealed class WindowAxis
{
    private readonly double _first;
    private readonly double _octaves;

    /// <param name="windows">Drafts, above 0; none if no method has a window.</param>
    public WindowAxis(IEnumerable<int> windows)
    {
        Ticks = [.. windows.Distinct().Order()];
        _first = Ticks.Count == 0 ? 0 : Math.Log2(Ticks[0]);
        _octaves = Ticks.Count == 0 ? 0 : Math.Log2(Ticks[^1]) - _first;
    }

    public IReadOnlyList<int> Ticks { get; }

    public static string Label(int window) => window.ToString(CultureInfo.InvariantCulture);

    /// <summary>Where a window lies, 0 at the left and 1 at the right; a single one in the middle.</summary>
    public double At(int window) => _octaves == 0 ? 0.5 : (Math.Log2(window) - _first) / _octaves;
}
