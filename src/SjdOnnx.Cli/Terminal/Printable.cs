using System.Globalization;
using System.Text;

namespace SjdOnnx.Cli.Terminal;

/// <summary>
/// Words to print. Text from users and files is made safe: it moves no cursor, starts no line and changes no writing direction.
/// </summary>
internal static class Printable
{
    // Words of some languages and emoji need the joiners; all other invisible characters are escaped.
    private const string Joiners = "\u200c\u200d";

    /// <summary>Replaces control characters, format characters (text direction among them) and line separators by \uXXXX escapes.</summary>
    /// <param name="text">The text.</param>
    /// <param name="keep">Control characters that stay.</param>
    public static string Text(string text, string keep = "")
    {
        var printable = new StringBuilder(text.Length + 16);
        for (int i = 0; i < text.Length;)
        {
            // Half of a surrogate pair is an invalid rune of length 1.
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

    /// <summary>As "1 turn" or "2 turns".</summary>
    public static string Count(int number, string what) => FormattableString.Invariant($"{number} {what}{(number == 1 ? "" : "s")}");

    private static bool IsInvisible(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
