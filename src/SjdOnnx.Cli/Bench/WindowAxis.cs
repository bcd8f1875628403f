using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Bench;

/// <summary>The axis of windows: by their logarithm, since each doubling counts alike, and auto at the right by itself.</summary>
internal sealed class WindowAxis
{
    /// <summary>Where the numbers end if auto stands behind them.</summary>
    private const double BeforeAuto = 0.86;

    private readonly double _first;
    private readonly double _octaves;
    private readonly double _end;

    /// <param name="windows">Windows of at least one draft; none if no method has a window.</param>
    public WindowAxis(IEnumerable<WindowSize> windows)
    {
        WindowSize[] distinct = [.. windows.Distinct().OrderBy(window => window.Drafts ?? int.MaxValue)];
        int[] numbers = [.. distinct.Select(window => window.Drafts).OfType<int>()];
        Ticks = distinct;
        _first = numbers.Length == 0 ? 0 : Math.Log2(numbers[0]);
        _octaves = numbers.Length == 0 ? 0 : Math.Log2(numbers[^1]) - _first;
        _end = numbers.Length > 0 && numbers.Length < distinct.Length ? BeforeAuto : 1;
    }

    /// <summary>Rising, auto last.</summary>
    public IReadOnlyList<WindowSize> Ticks { get; }

    /// <summary>Where a window lies, 0 at the left and 1 at the right; a single one in the middle.</summary>
    public double At(WindowSize window) =>
        window.Drafts is int drafts ? _end * (_octaves == 0 ? 0.5 : (Math.Log2(drafts) - _first) / _octaves)
        : _end == BeforeAuto ? 1
        : 0.5;
}
