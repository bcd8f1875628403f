using System.Globalization;
using Microsoft.ML.Tokenizers;

namespace SjdOnnx.Runtime.Tokenizers;

/// <summary>tiktoken's byte pairs: of two neighbors, those merge first whose bytes together have the lowest rank.</summary>
internal sealed class TiktokenVocabulary : IVocabulary
{
    private readonly TiktokenTokenizer _merging;

    /// <param name="ranks">A file of tiktoken: on each line a token in base64 and its rank, which is its id.</param>
    /// <exception cref="InvalidDataException">The file is not one of tiktoken's.</exception>
    public TiktokenVocabulary(byte[] ranks)
    {
        try
        {
            MaxId = ReadMaxRank(ranks);
            _merging = TiktokenTokenizer.Create(new MemoryStream(ranks), WholePiece.Instance, normalizer: null);
        }
        catch (Exception error) when (error is FormatException or ArgumentException or InvalidOperationException or OverflowException)
        {
            throw new InvalidDataException("Expected on each line a token in base64 and its rank.", error);
        }
    }

    public int MaxId { get; }

    public void Encode(string piece, List<int> ids) => ids.AddRange(_merging.EncodeToIds(piece));

    private static int ReadMaxRank(ReadOnlySpan<byte> ranks)
    {
        int largest = 0;
        foreach (Range line in ranks.Split((byte)'\n'))
        {
            ReadOnlySpan<byte> text = ranks[line].TrimEnd((byte)'\r');
            if (text.Length > 0)
                largest = Math.Max(largest, int.Parse(text[(text.LastIndexOf((byte)' ') + 1)..], NumberStyles.None, CultureInfo.InvariantCulture));
        }

        return largest;
    }
}
