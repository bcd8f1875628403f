using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace SjdOnnx.Runtime.Text;

/// <summary>Rewrites prompts in the form of the captions that a model was trained on.</summary>
internal static partial class PromptCleaning
{
    private const string FileTypes = "png|jpg|jpeg|bmp|webp|eps|pdf|apk|mp4";
    private const string Punctuation = @"[#®•©™&@·º½¾¿¡§~()\[\]{}|\\/*]+";

    // The rules apply in this order, each to the result of those before it.
    private static readonly (Regex What, string Instead)[] WebRules =
    [
        (Person(), "person"),
        (Url(), ""),
        (CharacterData(), "$1"),
        (HtmlCode(), ""),
        (HtmlTag(), ""),
    ];

    private static readonly (string Ligature, string Letters)[] Ligatures =
    [
        ("Ĳ", "IJ"), ("ĳ", "ij"), ("ŉ", "'n"), ("Ǆ", "DŽ"), ("ǅ", "Dž"), ("ǆ", "dž"), ("Ǉ", "LJ"), ("ǈ", "Lj"),
        ("ǉ", "lj"), ("Ǌ", "NJ"), ("ǋ", "Nj"), ("ǌ", "nj"), ("Ǳ", "DZ"), ("ǲ", "Dz"), ("ǳ", "dz"), ("ﬀ", "ff"),
        ("ﬁ", "fi"), ("ﬂ", "fl"), ("ﬃ", "ffi"), ("ﬄ", "ffl"), ("ﬅ", "ſt"), ("ﬆ", "st"),
    ];

    private static readonly (Regex What, string Instead)[] CaptionRules =
    [
        (AtName(), ""),
        (EastAsian(), ""),
        (Dash(), "-"),
        (DoubleQuote(), "\""),
        (SingleQuote(), "'"),
        (HtmlQuote(), ""),
        (HtmlAmpersand(), ""),
        (InternetAddress(), " "),
        (TrailingId(), ""),
        (WrittenLineFeed(), " "),
        (LongNumber(), ""),
        (FileName(), ""),
        (QuotesInARow(), "\""),
        (DotsInARow(), " "),
        (OddPunctuation(), " "),
        (LoneDot(), " "),
    ];

    private static readonly (Regex What, string Instead)[] CatalogueRules =
    [
        (CatalogueNumber(), ""),
        (Advertising(), ""),
        (ImageFormat(), ""),
        (PageNumber(), ""),
        (LongerCatalogueNumber(), " "),
        (Dimensions(), ""),
        (ColonBetweenSpaces(), ": "),
        (NoSpaceAfterPunctuation(), "$1 "),
        (Spaces(), " "),
    ];

    private static readonly (Regex What, string Instead)[] EdgeRules =
    [
        (Wrapped(), "$1"),
        (LeadingPunctuation(), ""),
        (TrailingPunctuation(), ""),
        (DotAndWord(), ""),
    ];

    /// <summary>The ways of cleaning that model.json may name.</summary>
    public static IReadOnlyList<string> Names { get; } = ["strip", "t5-captions"];

    /// <summary>Returns the cleaned prompt, which may be empty.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    public static string Of(string name, string prompt) => name switch
    {
        "strip" => prompt.Trim(),
        "t5-captions" => Caption(Caption(prompt)),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "There is no such cleaning."),
    };

    /// <summary>
    /// Cleans a caption as DeepFloyd did for T5. LlamaGen took this over and applies it twice. The published code trims before the edge
    /// rules and drops the result, so a space at an edge keeps them from matching, here too.
    /// </summary>
    private static string Caption(string text)
    {
        text = Apply(WebRules, LowerCase(WebUtility.UrlDecode(text).Trim()));
        text = Apply(CaptionRules, HtmlReferences.DecodeDocument(text));
        if (Joint().Count(text) > 3)
            text = Joint().Replace(text, " ");
        text = HtmlReferences.Decode(HtmlReferences.Decode(Repair(text))).Trim();
        return Apply(EdgeRules, Apply(CatalogueRules, text)).Trim();
    }

    /// <summary>As Unicode's full mapping: a sigma that ends a word becomes the final form, and İ becomes two characters.</summary>
    private static string LowerCase(string text) =>
        FinalSigma().Replace(text, "ς").Replace("İ", "i\u0307", StringComparison.Ordinal).ToLowerInvariant();

    /// <summary>What the library ftfy repairs, except text that was decoded in a wrong encoding.</summary>
    private static string Repair(string text)
    {
        text = Control().Replace(text, static match => HtmlReferences.OfWindows1252(match.Value[0]).ToString());
        foreach ((string ligature, string letters) in Ligatures)
            text = text.Replace(ligature, letters, StringComparison.Ordinal);
        text = FullWidth().Replace(text, static match => match.Value.Normalize(NormalizationForm.FormKC));
        text = Invisible().Replace(LineEnd().Replace(CurlyDouble().Replace(CurlySingle().Replace(text, "'"), "\""), "\n"), "");
        return text.Normalize();
    }

    private static string Apply((Regex What, string Instead)[] rules, string text) =>
        rules.Aggregate(text, static (text, rule) => rule.What.Replace(text, rule.Instead));

    [GeneratedRegex("<person>")]
    private static partial Regex Person();

    // As in the original, an address with another ending than these loses only its scheme.
    [GeneratedRegex(@"\b(?:(?:https?|www):(?:/{1,3}|[a-z0-9%])|[a-z0-9.\-]+\.(?:com|co|ru|net|org|edu|gov|it)[\w/\-]*\b/?(?!@))")]
    private static partial Regex Url();

    [GeneratedRegex(@"<!\[cdata\[(.*?)\]\]>", RegexOptions.Singleline)]
    private static partial Regex CharacterData();

    // elements whose text is not the document's
    [GeneratedRegex(@"<(script|style|template|rt|rp)\b[^>]*>.*?(?:</\1\s*>|$)", RegexOptions.Singleline)]
    private static partial Regex HtmlCode();

    [GeneratedRegex("<!--.*?-->|<[/!?]?[a-z][^<>]*>", RegexOptions.Singleline)]
    private static partial Regex HtmlTag();

    [GeneratedRegex(@"@[\w\d]+\b")]
    private static partial Regex AtName();

    [GeneratedRegex("[\u31c0-\u31ef\u31f0-\u31ff\u3200-\u32ff\u3300-\u33ff\u3400-\u4dbf\u4dc0-\u4dff\u4e00-\u9fff]+")]
    private static partial Regex EastAsian();

    [GeneratedRegex(
        "[\u002d\u058a\u05be\u1400\u1806\u2010-\u2015\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u301c\u3030\u30a0\ufe31\ufe32\ufe58\ufe63\uff0d]+")]
    private static partial Regex Dash();

    [GeneratedRegex("[`´«»“”¨]")]
    private static partial Regex DoubleQuote();

    [GeneratedRegex("[‘’]")]
    private static partial Regex SingleQuote();

    [GeneratedRegex("&quot;?")]
    private static partial Regex HtmlQuote();

    [GeneratedRegex("&amp")]
    private static partial Regex HtmlAmpersand();

    [GeneratedRegex(@"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}")]
    private static partial Regex InternetAddress();

    [GeneratedRegex(@"\d:\d\d\s+$")]
    private static partial Regex TrailingId();

    [GeneratedRegex(@"\\n")]
    private static partial Regex WrittenLineFeed();

    [GeneratedRegex(@"#\d{1,3}\b|#\d{5,}\b|\b\d{6,}\b")]
    private static partial Regex LongNumber();

    [GeneratedRegex($@"\S+\.(?:{FileTypes})")]
    private static partial Regex FileName();

    [GeneratedRegex("[\"']{2,}")]
    private static partial Regex QuotesInARow();

    [GeneratedRegex(@"\.{2,}")]
    private static partial Regex DotsInARow();

    [GeneratedRegex(Punctuation)]
    private static partial Regex OddPunctuation();

    [GeneratedRegex(@"\s+\.\s+")]
    private static partial Regex LoneDot();

    [GeneratedRegex("[\u3000\uff01-\ufff0]+")]
    private static partial Regex FullWidth();

    [GeneratedRegex("[\u0080-\u009f]")]
    private static partial Regex Control();

    [GeneratedRegex("[‘’‚‛]")]
    private static partial Regex CurlySingle();

    [GeneratedRegex("[“”„‟]")]
    private static partial Regex CurlyDouble();

    [GeneratedRegex("\r\n|[\r\u2028\u2029]")]
    private static partial Regex LineEnd();

    [GeneratedRegex("[\u0000-\u0008\u000b\u000e-\u001f\u007f\u206a-\u206f\ufeff\ufff9-\ufffc]")]
    private static partial Regex Invisible();

    [GeneratedRegex(@"(?<=\p{L})Σ(?!\p{L})")]
    private static partial Regex FinalSigma();

    [GeneratedRegex("[-_]")]
    private static partial Regex Joint();

    [GeneratedRegex(@"\b[a-zA-Z]{1,3}\d{3,15}\b|\b[a-zA-Z]+\d+[a-zA-Z]+\b|\b\d+[a-zA-Z]+\d+\b")]
    private static partial Regex CatalogueNumber();

    [GeneratedRegex(@"(?:worldwide\s+)?(?:free\s+)?shipping|(?:free\s)?download(?:\sfree)?|\bclick\b\s(?:for|on)\s\w+")]
    private static partial Regex Advertising();

    [GeneratedRegex($@"\b(?:{FileTypes})(?:\simages?)?")]
    private static partial Regex ImageFormat();

    [GeneratedRegex(@"\bpage\s+\d+\b")]
    private static partial Regex PageNumber();

    [GeneratedRegex(@"\b\d*[a-zA-Z]+\d+[a-zA-Z]+\d+[a-zA-Z\d]*\b")]
    private static partial Regex LongerCatalogueNumber();

    [GeneratedRegex(@"\b\d+\.?\d*[xх×]\d+\.?\d*\b")]
    private static partial Regex Dimensions();

    [GeneratedRegex(@"\b\s+:\s+")]
    private static partial Regex ColonBetweenSpaces();

    [GeneratedRegex(@"(\D[,./])\b")]
    private static partial Regex NoSpaceAfterPunctuation();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();

    [GeneratedRegex("^[\"']([\\w\\W]+)[\"']$")]
    private static partial Regex Wrapped();

    [GeneratedRegex("^['_,\\-:;]")]
    private static partial Regex LeadingPunctuation();

    [GeneratedRegex("['_,\\-:+]$")]
    private static partial Regex TrailingPunctuation();

    [GeneratedRegex(@"^\.\S+$")]
    private static partial Regex DotAndWord();
}
