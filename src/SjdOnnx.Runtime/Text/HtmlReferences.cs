using System.Collections.Frozen;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace SjdOnnx.Runtime.Text;

/// <summary>Replaces HTML's character references by their characters, with HTML 5's rules for those that are not well formed.</summary>
internal static partial class HtmlReferences
{
    private const int MaxCodePoint = 0x10FFFF;

    // Numbers of this range mean characters of Windows-1252.
    private const int FirstControl = 0x80;
    private const string Windows1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008DŽ\u008F\u0090‘’“”•–—˜™š›œ\u009DžŸ";

    /// <summary>The names that need no semicolon.</summary>
    private static readonly FrozenSet<string> WithoutSemicolon = FrozenSet.Create(
        StringComparer.Ordinal,
        (
            "Aacute aacute Acirc acirc acute AElig aelig Agrave agrave AMP amp Aring aring Atilde atilde Auml auml brvbar Ccedil ccedil " +
            "cedil cent COPY copy curren deg divide Eacute eacute Ecirc ecirc Egrave egrave ETH eth Euml euml frac12 frac14 frac34 GT gt " +
            "Iacute iacute Icirc icirc iexcl Igrave igrave iquest Iuml iuml laquo LT lt macr micro middot nbsp not Ntilde ntilde Oacute " +
            "oacute Ocirc ocirc Ograve ograve ordf ordm Oslash oslash Otilde otilde Ouml ouml para plusmn pound QUOT quot raquo REG reg " +
            "sect shy sup1 sup2 sup3 szlig THORN thorn times Uacute uacute Ucirc ucirc Ugrave ugrave uml Uuml uuml Yacute yacute yen yuml"
        ).Split(' '));

    /// <summary>The text with its references replaced, once.</summary>
    public static string Decode(string text) => Reference().Replace(text, static match => Character(match.Groups[1].Value));

    /// <summary>
    /// The same as Python's html.parser does for a document: a reference that the end of the text cuts off stays, and an unknown name loses
    /// its semicolon.
    /// </summary>
    public static string DecodeDocument(string text) => Reference().Replace(text, match =>
    {
        string name = match.Groups[1].Value;
        if (match.Index + match.Length == text.Length && !name.EndsWith(';'))
            return match.Value;
        string character = Character(name);
        return character == match.Value && name[0] != '#' ? character.TrimEnd(';') : character;
    });

    /// <summary>A character of Windows-1252 where a text has one of Unicode's control characters U+0080 to U+009F.</summary>
    public static char OfWindows1252(char control) => Windows1252[control - FirstControl];

    private static string Character(string name)
    {
        if (name[0] == '#')
            return Numbered(name.TrimEnd(';'));
        if (WebUtility.HtmlDecode($"&{name}") is var known && name.EndsWith(';') && known != $"&{name}")
            return known;
        for (int length = name.Length; length > 1; length--)
        {
            if (WithoutSemicolon.Contains(name[..length]))
                return WebUtility.HtmlDecode($"&{name[..length].ToLowerIfUpper()};") + name[length..];
        }

        return $"&{name}";
    }

    private static string Numbered(string name)
    {
        bool isHex = name[1] is 'x' or 'X';
        NumberStyles style = isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.None;
        if (!int.TryParse(name.AsSpan(isHex ? 2 : 1), style, CultureInfo.InvariantCulture, out int number))
            return "\uFFFD"; // more digits than any character has
        if (number is >= FirstControl and < FirstControl + 32)
            return OfWindows1252((char)number).ToString();
        return number is 0 or > MaxCodePoint or (>= 0xD800 and <= 0xDFFF) ? "\uFFFD" : new Rune(number).ToString();
    }

    /// <summary>AMP, COPY, GT, LT, QUOT and REG are known in lower case alone to .NET.</summary>
    private static string ToLowerIfUpper(this string name) => name is "AMP" or "COPY" or "GT" or "LT" or "QUOT" or "REG"
        ? name.ToLowerInvariant()
        : name;

    [GeneratedRegex("&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)")]
    private static partial Regex Reference();
}
