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
            _merging = TiktokenTokenizer.Create(new MemoryStream(ranks), WholePiece.Instance, normalizer: null);
        }
        catch (Exception error) when (error is FormatException or ArgumentException or InvalidOperationException or OverflowException)
        {
            throw new InvalidDataException("Expected on each line a token in base64 and its rank.", error);
        }
    }

    public void Encode(string piece, List<int> ids) => ids.AddRange(_merging.EncodeToIds(piece));
}
