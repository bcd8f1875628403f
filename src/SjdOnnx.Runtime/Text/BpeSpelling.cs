using System.Text;

namespace SjdOnnx.Runtime.Text;

/// <summary>Turns ids of byte-pair encoding into text. Thread-safe.</summary>
internal sealed class BpeSpelling
{
    private readonly Dictionary<int, byte[]> _bytes = [];

    /// <param name="vocabulary">A JSON object of tokens, in GPT-2's alphabet for bytes, and ids.</param>
    /// <exception cref="InvalidDataException">The vocabulary is damaged.</exception>
    public BpeSpelling(ReadOnlySpan<byte> vocabulary)
    {
        Dictionary<char, byte> values = [];
        foreach (char character in BpeVocabulary.Alphabet)
            values.Add(character, (byte)values.Count);
        (Dictionary<string, int> tokens, int[] ids) = BpeVocabulary.ReadTokens(vocabulary);
        foreach ((string token, int number) in tokens)
            _bytes.TryAdd(ids[number], [.. token.Select(character => values.GetValueOrDefault(character, (byte)'?'))]);
    }

    /// <summary>The text of some tokens. Special tokens have none. Bytes that are not UTF-8 become U+FFFD.</summary>
    public string Decode(IEnumerable<int> ids) =>
        Encoding.UTF8.GetString([.. ids.SelectMany(id => _bytes.GetValueOrDefault(id, []))]);
}
