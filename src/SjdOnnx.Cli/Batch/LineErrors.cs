using System.Globalization;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Batch;

/// <summary>What is wrong with the lines of the input. All of it is found before anything is drawn.</summary>
/// <param name="input">The input's name, for people.</param>
internal sealed class LineErrors(string input)
{
    private const int MaxShown = 20;

    private readonly SortedDictionary<int, string> _errors = []; // the first error of each line

    public bool Any => _errors.Count > 0;

    /// <summary>Notes what is wrong with a line.</summary>
    /// <param name="line">From 1.</param>
    /// <param name="message">One sentence.</param>
    /// <returns>Null, in place of what the line would have been.</returns>
    public InputLine? Add(int line, string message)
    {
        _errors.TryAdd(line, message);
        return null;
    }

    /// <exception cref="CommandException">There are errors, which are printed first, in the order of the lines.</exception>
    public void ThrowIfAny()
    {
        if (!Any)
            return;

        foreach ((int line, string message) in _errors.Take(MaxShown))
            Print.Note(string.Create(CultureInfo.InvariantCulture, $"{input}:{line}: {message}"));
        if (_errors.Count > MaxShown)
            Print.Note(string.Create(CultureInfo.InvariantCulture, $"and {_errors.Count - MaxShown} more"));
        string lines = _errors.Count == 1 ? "line" : "lines";
        throw new CommandException(ExitCode.Input, string.Create(CultureInfo.InvariantCulture,
            $"{_errors.Count} {lines} of '{input}' cannot be drawn, so nothing was drawn; correct what is printed above."));
    }
}
