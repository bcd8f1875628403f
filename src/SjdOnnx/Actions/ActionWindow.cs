using SjdOnnx.FixedPoints;

namespace SjdOnnx.Actions;

/// <summary>
/// The tokens of an answer as unknowns: each is the most probable one after those before it. The first is known from the prompt.
/// </summary>
/// <param name="language">Has read the prompt.</param>
/// <param name="tokens">The iterate: the first token, which is final, and guesses.</param>
/// <param name="shrinks">Whether tokens that did not change are not read again.</param>
internal sealed class ActionWindow(IActionLanguage language, int[] tokens, bool shrinks) : ICausalSystem
{
    private readonly int[] _next = new int[tokens.Length - 1];
    private int _final; // tokens before this one are final, and so are their keys and values

    /// <summary>Tokens that the passes read.</summary>
    public int Rows { get; private set; }

    /// <summary>
    /// Reads the iterate and moves each prediction one place on. The last token is not read, since nothing comes after it.
    /// </summary>
    public Change Update(CancellationToken cancellation)
    {
        ReadOnlySpan<int> read = tokens.AsSpan(_final..^1);
        Span<int> next = _next.AsSpan(_final);
        Rows += read.Length;
        if (!language.Predict(_final, read, next, cancellation))
            return new Change(_final, double.PositiveInfinity, IsFinite: false);
        Span<int> guesses = tokens.AsSpan(_final + 1);
        int equal = guesses.CommonPrefixLength(next);
        int changed = 0;
        for (int i = equal; i < guesses.Length; i++)
            changed += guesses[i] == next[i] ? 0 : 1;
        next.CopyTo(guesses);
        var change = new Change(_final + 1 + equal, changed);
        if (!shrinks || changed == 0)
            return change;
        _final += equal + 1; // the token that changed first is exact, but its keys are not there yet
        return _final < tokens.Length - 1 ? change : new Change(tokens.Length, 0); // nothing comes after the last token
    }
}
