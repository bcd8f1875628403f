using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace SjdOnnx.Runtime;

/// <summary>Puts prompts into the form of the captions that a model was trained on.</summary>
internal static partial class PromptCleaning
{
    private const string FileTypes = "png|jpg|jpeg|bmp|webp|eps|pdf|apk|mp4";
    private const string Punctuation = @"[#®•©™&@·º½¾¿¡§~()\[\]{}|\\/*]+";

    // In this order; each sees what those before it left.
    private static readonly (Regex What, string Instead)[] WebRules =
    [
        (Person(), "person"),
        (Url(), ""),
        (HtmlTag(), ""),
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
    public static IReadOnlyList<string> Names { get; } = ["t5-captions"];

    /// <summary>The prompt in the form that <paramref name="name"/> makes; it may be empty.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    public static string Of(string name, string prompt) =>
        name == "t5-captions" ? Caption(Caption(prompt)) : throw new ArgumentOutOfRangeException(nameof(name), name, "There is no such cleaning.");

    /// <summary>
    /// As DeepFloyd's captions for T5 were cleaned, which LlamaGen took over; it does so twice. Of what the library ftfy does there, full-width
    /// forms, ligatures and composed letters are done here, and text that was decoded in the wrong encoding stays as it is.
    /// </summary>
    private static string Caption(string text)
    {
        text = Apply(WebRules, WebUtility.UrlDecode(text).Trim().ToLowerInvariant());
        text = Apply(CaptionRules, WebUtility.HtmlDecode(text));
        if (Joint().Count(text) > 3)
            text = Joint().Replace(text, " ");
        text = Compatible().Replace(text.Normalize(), match => match.Value.Normalize(NormalizationForm.FormKC));
        text = WebUtility.HtmlDecode(WebUtility.HtmlDecode(text)).Trim();
        return Apply(EdgeRules, Apply(CatalogueRules, text).Trim()).Trim();
    }

    private static string Apply((Regex What, string Instead)[] rules, string text) =>
        rules.Aggregate(text, static (text, rule) => rule.What.Replace(text, rule.Instead));

    [GeneratedRegex("<person>")]
    private static partial Regex Person();

    // Of an address with another ending than these only the scheme goes, as there.
    [GeneratedRegex(@"\b(?:(?:https?|www):(?:/{1,3}|[a-z0-9%])|[a-z0-9.\-]+\.(?:com|co|ru|net|org|edu|gov|it)[\w/\-]*\b/?(?!@))")]
    private static partial Regex Url();

    [GeneratedRegex("<!--.*?-->|<[/!?]?[a-z][^<>]*>", RegexOptions.Singleline)]
    private static partial Regex HtmlTag();

    [GeneratedRegex(@"@[\w\d]+\b")]
    private static partial Regex AtName();

    [GeneratedRegex("[\u31c0-\u31ef\u31f0-\u31ff\u3200-\u32ff\u3300-\u33ff\u3400-\u4dbf\u4dc0-\u4dff\u4e00-\u9fff]+")]
    private static partial Regex EastAsian();

    [GeneratedRegex("[\u002d\u058a\u05be\u1400\u1806\u2010-\u2015\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u301c\u3030\u30a0\ufe31\ufe32\ufe58\ufe63\uff0d]+")]
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

    // full-width forms, and ligatures of Latin letters
    [GeneratedRegex("[\u3000\uff01-\uff5e\ufb00-\ufb06]+")]
    private static partial Regex Compatible();

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
