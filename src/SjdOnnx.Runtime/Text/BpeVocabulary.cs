using System.Text;
using System.Text.Json;
using Microsoft.ML.Tokenizers;

namespace SjdOnnx.Runtime.Text;

/// <summary>
/// Byte-pair encoding over bytes, as in GPT-2: neighbors in a piece are merged in pairs, the pair of the earliest merge first.
/// </summary>
internal sealed class BpeVocabulary : IVocabulary
{
    /// <summary>The most characters of a damaged line that an error message quotes.</summary>
    private const int MaxRepeated = 40;

    /// <summary>The characters that tokens are written in, by the byte that each stands for.</summary>
    public static readonly char[] Alphabet = ByteAlphabet();

    private readonly BpeTokenizer _merging;
    private readonly int[] _ids;
    private readonly Dictionary<string, int> _tokens;
    private readonly bool[] _hasByte;
    private readonly bool _ignoreMerges;
    private readonly int? _unknownId;

    /// <param name="vocabulary">
    /// A JSON object of tokens and ids. Tokens are written in GPT-2's alphabet, which has a printable character for each byte.
    /// </param>
    /// <param name="merges">UTF-8 with one merge on each line: two tokens with a space between. Earlier lines are merged first.</param>
    /// <param name="ignoreMerges">
    /// Whether a piece that is itself a token becomes that token, even if the merges give another result.
    /// </param>
    /// <param name="unknownId">The id of a byte without a token; null leaves such bytes out.</param>
    /// <exception cref="InvalidDataException">The vocabulary is damaged, or a merge has a token that is not in it.</exception>
    public BpeVocabulary(ReadOnlySpan<byte> vocabulary, ReadOnlySpan<byte> merges, bool ignoreMerges, int? unknownId)
    {
        (_tokens, _ids) = ReadTokens(vocabulary);
        (_ignoreMerges, _unknownId) = (ignoreMerges, unknownId);
        _hasByte = [.. Alphabet.Select(character => _tokens.ContainsKey(character.ToString()))];
        _merging = BpeTokenizer.Create(new BpeOptions(_tokens)
        {
            Merges = ReadMerges(merges, _tokens),
            PreTokenizer = WholePiece.Instance,
        });
    }

    public int MaxId => Math.Max(_ids.Max(), _unknownId ?? 0);

    public void Encode(string piece, List<int> ids)
    {
        var known = new StringBuilder(piece.Length);
        bool isWhole = true;
        foreach (byte value in Encoding.UTF8.GetBytes(piece))
        {
            if (_hasByte[value])
            {
                known.Append(Alphabet[value]);
                continue;
            }

            isWhole = false;
            if (_unknownId is int unknown)
            {
                Merge(known, ids);
                ids.Add(unknown);
            }
        }

        if (_ignoreMerges && isWhole && _tokens.TryGetValue(known.ToString(), out int token))
            ids.Add(_ids[token]);
        else
            Merge(known, ids);
    }

    private void Merge(StringBuilder known, List<int> ids)
    {
        if (known.Length == 0)
            return;
        foreach (int token in _merging.EncodeToIds(known.ToString()))
            ids.Add(_ids[token]);
        known.Clear();
    }

    /// <summary>
    /// Reads the tokens and numbers them one by one, because the package accepts no id twice. The model's ids are in a second list.
    /// </summary>
    /// <exception cref="InvalidDataException">The vocabulary is damaged.</exception>
    public static (Dictionary<string, int> Tokens, int[] Ids) ReadTokens(ReadOnlySpan<byte> json)
    {
        var tokens = new Dictionary<string, int>(StringComparer.Ordinal);
        var ids = new List<int>();
        var reader = new Utf8JsonReader(json);
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                throw new InvalidDataException("The vocabulary is not a JSON object of tokens and their ids.");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string token = reader.GetString()!;
                if (!reader.Read() || reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int id) || id < 0)
                    throw new InvalidDataException($"The token '{token}' of the vocabulary has no id; expected a whole number, 0 or more.");
                if (!tokens.TryAdd(token, ids.Count))
                    throw new InvalidDataException($"The vocabulary has the token '{token}' twice.");
                ids.Add(id);
            }

            while (reader.Read())
            {
            }
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"The vocabulary is not a whole JSON object: {Sentence.Of(error)}", error);
        }
        catch (InvalidOperationException error) // a string that is not UTF-8
        {
            throw new InvalidDataException($"The vocabulary has a token that is not text: {Sentence.Of(error)}", error);
        }

        if (ids.Count == 0)
            throw new InvalidDataException("The vocabulary has no tokens.");
        return (tokens, [.. ids]);
    }

    private static List<string> ReadMerges(ReadOnlySpan<byte> text, Dictionary<string, int> tokens)
    {
        var merges = new List<string>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (string line in Encoding.UTF8.GetString(text).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Split(' ') is not [{ Length: > 0 } left, { Length: > 0 } right])
            {
                string start = line.Length <= MaxRepeated ? line : $"{line[..MaxRepeated]}…";
                throw new InvalidDataException(
                    $"Line {merges.Count + 1} of the merges is '{start}'; expected two tokens with a space between.");
            }

            foreach (string token in (string[])[left, right, left + right])
            {
                if (!tokens.ContainsKey(token))
                    throw new InvalidDataException($"The merges join '{left}' and '{right}', but '{token}' is not in the vocabulary.");
            }

            if (!seen.Add(line))
                throw new InvalidDataException($"The merges join '{left}' and '{right}' twice.");
            merges.Add(line);
        }

        return merges;
    }

    /// <summary>
    /// GPT-2's alphabet: printable bytes stand for themselves, and the others are characters from U+0100 on, in byte order.
    /// </summary>
    private static char[] ByteAlphabet()
    {
        var alphabet = new char[256];
        char extra = '\u0100';
        for (int value = 0; value < alphabet.Length; value++)
            alphabet[value] = value is (> 32 and < 127) or (> 160 and < 173) or > 173 ? (char)value : extra++;
        return alphabet;
    }
}
