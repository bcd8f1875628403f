using System.Globalization;
using System.Text;

namespace SjdOnnx.Cli;

/// <summary>
/// Text from a user or a file, safe to print: a character in it moves no cursor, starts no new line and turns no text around.
/// </summary>
internal static class Printable
{
    /// <summary>The joiners, which words of some languages and emoji need, are the only invisible characters that stay.</summary>
    private const string Joiners = "\u200c\u200d";

    /// <summary>Control characters, format characters (those of text direction among them) and line separators as \uXXXX escapes.</summary>
    /// <param name="keep">Control characters that may stay.</param>
    public static string Text(string text, string keep = "")
    {
        var printable = new StringBuilder(text.Length + 16);
        for (int i = 0; i < text.Length;)
        {
            // Half of a surrogate pair alone is an invalid rune of length 1.
            bool whole = Rune.TryGetRuneAt(text, i, out Rune rune);
            int length = whole ? rune.Utf16SequenceLength : 1;
            bool kept = rune.IsBmp && (keep + Joiners).Contains((char)rune.Value, StringComparison.Ordinal);
            bool shown = whole && (kept || !IsInvisible(rune));
            foreach (char c in text.AsSpan(i, length))
            {
                if (shown)
                    printable.Append(c);
                else
                    printable.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            }
            i += length;
        }

        return printable.ToString();
    }

    private static bool IsInvisible(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
