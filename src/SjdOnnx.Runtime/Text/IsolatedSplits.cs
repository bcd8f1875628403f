using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace SjdOnnx.Runtime.Text;

/// <summary>
/// Cuts text into pieces by regular expressions: each match becomes a piece, and so does what lies between two matches. The next
/// expression cuts the pieces of the one before. No character is lost.
/// </summary>
/// <remarks>
/// .NET's expressions see UTF-16, in which a character past U+FFFF is two surrogates, which are neither letters nor symbols. So the
/// expressions run over text in which a stand-in replaces each such character: a character up to U+FFFF that has the same category and is
/// in the same classes of the expressions.
/// </remarks>
internal sealed class IsolatedSplits
{
    /// <summary>A prompt takes microseconds. An expression that backtracks without end would block the program forever.</summary>
    private static readonly TimeSpan MaxTime = TimeSpan.FromSeconds(2);

    private readonly Regex[] _patterns;
    private readonly StandIn[] _standIns;

    /// <param name="patterns">Regular expressions in .NET's syntax. Empty matches are ignored.</param>
    /// <param name="standIns">
    /// Stand-ins for the characters past U+FFFF that a class of the expressions names. The category of any other character decides its
    /// stand-in.
    /// </param>
    /// <exception cref="ArgumentException">A pattern is not a regular expression.</exception>
    public IsolatedSplits(IEnumerable<string> patterns, IEnumerable<StandIn> standIns)
    {
        _patterns = [.. patterns.Select(pattern => new Regex(pattern, RegexOptions.CultureInvariant, MaxTime))];
        _standIns = [.. standIns];
    }

    /// <summary>The pieces, in order, none of them empty.</summary>
    /// <param name="text">Well-formed UTF-16.</param>
    public IEnumerable<string> Of(string text)
    {
        (string folded, int[]? origins) = Fold(text);
        List<Range> pieces = folded.Length == 0 ? [] : [Range.All];
        foreach (Regex pattern in _patterns)
            pieces = [.. pieces.SelectMany(piece => Cut(folded, piece, pattern))];
        return pieces.Select(piece => text[Origin(piece.Start)..Origin(piece.End)]);

        int Origin(Index index) => origins is null ? index.GetOffset(folded.Length) : origins[index.GetOffset(folded.Length)];
    }

    private static List<Range> Cut(string text, Range piece, Regex pattern)
    {
        (int start, int length) = piece.GetOffsetAndLength(text.Length);
        var cut = new List<Range>();
        int done = start;
        foreach (ValueMatch match in pattern.EnumerateMatches(text.AsSpan(start, length)))
        {
            if (match.Length == 0)
                continue;
            int at = start + match.Index;
            if (at > done)
                cut.Add(done..at);
            done = at + match.Length;
            cut.Add(at..done);
        }

        if (done < start + length)
            cut.Add(done..(start + length));
        return cut;
    }

    /// <returns>
    /// The text with stand-ins, and for each of its characters the index in <paramref name="text"/> at which it begins; null if both texts
    /// are the same.
    /// </returns>
    private (string Folded, int[]? Origins) Fold(string text)
    {
        if (!text.Any(char.IsSurrogate))
            return (text, null);

        var folded = new StringBuilder(text.Length);
        var origins = new List<int>(text.Length + 1);
        int at = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            folded.Append(rune.IsBmp ? (char)rune.Value : StandInFor(rune));
            origins.Add(at);
            at += rune.Utf16SequenceLength;
        }

        return (folded.ToString(), [.. origins, at]);
    }

    private char StandInFor(Rune rune)
    {
        foreach (StandIn named in _standIns)
        {
            if (rune.Value >= named.First && rune.Value <= named.Last)
                return (char)named.Character;
        }

        return ByCategory(Rune.GetUnicodeCategory(rune));
    }

    /// <summary>
    /// The exporter has the same table, and refuses expressions that name one of these characters (sjdexport/tokenizers/splits.py).
    /// </summary>
    private static char ByCategory(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter => '\uA790',
        UnicodeCategory.LowercaseLetter => '\uA791',
        UnicodeCategory.ModifierLetter => '\u02B0',
        UnicodeCategory.OtherLetter => '\u05D0',
        UnicodeCategory.NonSpacingMark => '\u0300',
        UnicodeCategory.SpacingCombiningMark => '\uA823',
        UnicodeCategory.EnclosingMark => '\u0488',
        UnicodeCategory.DecimalDigitNumber => '\u0660',
        UnicodeCategory.LetterNumber => '\uA6E6',
        UnicodeCategory.OtherNumber => '\u00B2',
        UnicodeCategory.DashPunctuation => '\u058A',
        UnicodeCategory.OpenPunctuation => '\uFD3F',
        UnicodeCategory.ClosePunctuation => '\uFD3E',
        UnicodeCategory.OtherPunctuation => '\u00A1',
        UnicodeCategory.MathSymbol => '\u00AC',
        UnicodeCategory.CurrencySymbol => '\u00A2',
        UnicodeCategory.ModifierSymbol => '\u00A8',
        UnicodeCategory.OtherSymbol => '\u00A6',
        UnicodeCategory.Format => '\u00AD',
        UnicodeCategory.PrivateUse => '\uE000',
        _ => '\u0378', // not assigned
    };
}

/// <summary>A character up to U+FFFF that stands for those from <paramref name="First"/> to <paramref name="Last"/>.</summary>
internal readonly record struct StandIn(int First, int Last, int Character);
