using System.Text;
using System.Text.RegularExpressions;

namespace SjdOnnx.Runtime.Text;

/// <summary>Turns text into token ids, without special tokens. Text cannot spell a structural token. Thread-safe.</summary>
internal sealed class TextTokenizer
{
    /// <summary>The largest tokenizer file that is read, in bytes. The vocabularies of known models have 1 to 20 MB.</summary>
    public const int MaxFileBytes = 256 << 20;

    /// <summary>The normalizers by their names in model.json.</summary>
    private static readonly Dictionary<string, Func<string, string>> Normalizers = new()
    {
        ["nfc"] = text => text.Normalize(NormalizationForm.FormC),
        ["lowercase"] = Lowercase,
    };

    private readonly Func<string, string>[] _normalizers;
    private readonly Dictionary<string, int> _characters;
    private readonly IsolatedSplits _splits;
    private readonly IVocabulary _vocabulary;

    private TextTokenizer(TokenizerSection section, IVocabulary vocabulary)
    {
        _normalizers = [.. section.Normalizers.Select(name => Normalizers[name])];
        _characters = section.Characters;
        _splits = new IsolatedSplits(section.Splits, section.StandIns.Select(named => new StandIn(named[0], named[1], named[2])));
        _vocabulary = vocabulary;
        MaxId = Math.Max(vocabulary.MaxId, _characters.Values.DefaultIfEmpty().Max());
    }

    /// <summary>The largest id that text can have.</summary>
    public int MaxId { get; }

    /// <summary>Names that model.json may list as normalizers.</summary>
    public static IEnumerable<string> NormalizerNames => Normalizers.Keys;

    /// <param name="read">Reads a file of the model folder.</param>
    /// <exception cref="ModelException">
    /// A file of the tokenizer is damaged or of another kind, or this program cannot normalize text.
    /// </exception>
    public static TextTokenizer Open(TokenizerSection section, Func<string, byte[]> read)
    {
        if (section.Normalizers.Contains("nfc"))
            UnicodeNormalization.Require("The tokenizer of this model");
        byte[] vocabulary = read(section.Vocabulary);
        try
        {
            return new TextTokenizer(section, section.Kind switch
            {
                "bpe" => new BpeVocabulary(
                    vocabulary, section.Merges is null ? [] : read(section.Merges), section.IgnoreMerges, section.UnknownId),
                "tiktoken" => new TiktokenVocabulary(vocabulary),
                "sentencepiece" => new SentencePieceVocabulary(vocabulary),
                _ => new UnigramVocabulary(vocabulary, section.Deleted),
            });
        }
        catch (Exception error) when (error is InvalidDataException or ArgumentException)
        {
            string files = section.Merges is null ? $"{section.Vocabulary} is" : $"{section.Vocabulary} and {section.Merges} are";
            throw new ModelException(
                $"{files} not a tokenizer of kind {section.Kind}: {Sentence.Of(error)} {ModelException.Remedy}", error);
        }
    }

    /// <exception cref="ModelException">An expression that splits text takes too long.</exception>
    public int[] Encode(string text)
    {
        text = WellFormed(text.Replace('\0', ' ')); // SentencePiece ends a text at U+0000
        foreach (Func<string, string> normalize in _normalizers)
            text = normalize(text);

        var ids = new List<int>();
        int start = 0;
        for (int at = 0; at < text.Length && _characters.Count > 0; at++)
        {
            if (!_characters.TryGetValue(text[at].ToString(), out int id))
                continue;
            Encode(text[start..at], ids);
            ids.Add(id);
            start = at + 1;
        }

        Encode(text[start..], ids);
        return [.. ids];
    }

    private void Encode(string text, List<int> ids)
    {
        try
        {
            foreach (string piece in _splits.Of(text))
                _vocabulary.Encode(piece, ids);
        }
        catch (RegexMatchTimeoutException error)
        {
            throw new ModelException(
                $"The expression '{error.Pattern}' of tokenizer.splits takes more than {error.MatchTimeout.TotalSeconds:0} s for this " +
                $"text. {ModelException.Remedy}", error);
        }
    }

    /// <summary>Replaces lone surrogates by U+FFFD, as UTF-8 encoding does.</summary>
    private static string WellFormed(string text) =>
        text.Any(char.IsSurrogate) ? Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) : text;

    /// <summary>
    /// Lowercases character by character, by Unicode's full mapping without context: İ becomes two characters, and Σ never becomes a final
    /// sigma.
    /// </summary>
    private static string Lowercase(string text)
    {
        var lower = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
            lower.Append(rune.Value == 'İ' ? "i\u0307" : Rune.ToLowerInvariant(rune).ToString());
        return lower.ToString();
    }
}
