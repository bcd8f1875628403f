using System.Globalization;
using System.Reflection;
using System.Text;

namespace SjdOnnx.Cli.Batch.Sheet;

/// <summary>
/// Draws captions with a bitmap font that is part of the program, because a server may have no fonts. It has Latin, Greek, Cyrillic,
/// Armenian, Hebrew and symbols; other characters appear as a box with a question mark.
/// </summary>
internal static class CaptionFont
{
    /// <summary>Pixels of a character.</summary>
    public const int Width = 6;

    /// <summary>Pixels of a line.</summary>
    public const int Height = 13;

    private const int Replacement = 0xFFFD;
    private const string Ellipsis = "…";

    private static readonly Dictionary<int, byte[]> Glyphs = Load();

    /// <summary>
    /// Breaks text between words, or within one that is longer than a line. If there is more text, the last line ends in "…".
    /// </summary>
    /// <param name="text">Line breaks are as spaces.</param>
    /// <param name="columns">Characters of a line, 1 or more.</param>
    /// <param name="maxLines">Lines, 1 or more.</param>
    public static IReadOnlyList<string> Wrap(string text, int columns, int maxLines)
    {
        var lines = new List<string>();
        string line = "";
        foreach (string word in text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            string rest = word;
            while (rest.Length > 0)
            {
                string joined = line.Length == 0 ? rest : $"{line} {rest}";
                if (Columns(joined) <= columns)
                {
                    (line, rest) = (joined, "");
                }
                else if (line.Length > 0)
                {
                    lines.Add(line);
                    line = "";
                }
                else
                {
                    string begin = Begin(rest, columns);
                    lines.Add(begin);
                    rest = rest[begin.Length..];
                }
            }
        }

        if (line.Length > 0)
            lines.Add(line);
        if (lines.Count <= maxLines)
            return lines;
        string last = lines[maxLines - 1];
        return [.. lines[..(maxLines - 1)], (Columns(last) < columns ? last : Begin(last, columns - 1)) + Ellipsis];
    }

    /// <summary>Draws a line of text in dark gray.</summary>
    /// <param name="canvas">[height × width × 3], row-major.</param>
    /// <param name="canvasWidth">Pixels.</param>
    /// <param name="x">Of the first character's left edge, in pixels.</param>
    /// <param name="y">Of the line's upper edge, in pixels.</param>
    public static void Draw(Span<byte> canvas, int canvasWidth, int x, int y, string line)
    {
        const byte Ink = 48;
        foreach (Rune rune in line.EnumerateRunes())
        {
            byte[] rows = Glyphs.GetValueOrDefault(rune.Value, Glyphs[Replacement]);
            for (int row = 0; row < Height; row++)
            {
                for (int column = 0; column < Width; column++)
                {
                    if ((rows[row] & (0x80 >> column)) != 0)
                        canvas.Slice(3 * (((y + row) * canvasWidth) + x + column), 3).Fill(Ink);
                }
            }

            x += Width;
        }
    }

    private static int Columns(string text) => text.EnumerateRunes().Count();

    /// <summary>The first characters of a text.</summary>
    private static string Begin(string text, int columns) => string.Concat(text.EnumerateRunes().Take(columns));

    private static Dictionary<int, byte[]> Load()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("fixed-6x13.hex")!;
        using var reader = new StreamReader(stream);
        var glyphs = new Dictionary<int, byte[]>();
        while (reader.ReadLine() is string line)
        {
            if (line.StartsWith('#'))
                continue;
            string[] parts = line.Split(':');
            glyphs[int.Parse(parts[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture)] = Convert.FromHexString(parts[1]);
        }

        return glyphs;
    }
}
