using System.Globalization;
using System.Text;

namespace SjdOnnx.Cli;

/// <summary>Text from a user or a file, safe to print: a control character in it moves no cursor and starts no new line.</summary>
internal static class Printable
{
    /// <summary>Control characters as \uXXXX escapes.</summary>
    /// <param name="keep">Control characters that may stay.</param>
    public static string Text(string text, string keep = "")
    {
        if (!text.Any(char.IsControl))
            return text;

        var printable = new StringBuilder(text.Length + 16);
        foreach (char c in text)
        {
            if (char.IsControl(c) && !keep.Contains(c, StringComparison.Ordinal))
                printable.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                printable.Append(c);
        }

        return printable.ToString();
    }
}
