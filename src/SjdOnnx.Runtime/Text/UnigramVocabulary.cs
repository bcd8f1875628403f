using Microsoft.ML.Tokenizers;

namespace SjdOnnx.Runtime.Text;

/// <summary>
/// SentencePiece's unigram model: text is cut into the pieces with the highest sum of scores. The model normalizes text itself.
/// </summary>
internal sealed class UnigramVocabulary : IVocabulary
{
    /// <summary>
    /// A trainer_spec with bos_id 0, which is appended to the model's own. The package refuses models without a beginning-of-sequence token
    /// (bos_id −1), although nothing here asks for one.
    /// </summary>
    private static readonly byte[] BeginsAtZero = [0x12, 0x03, 0xC8, 0x02, 0x00];

    private readonly SentencePieceTokenizer _pieces;
    private readonly string _deleted;

    /// <param name="model">SentencePiece's file, such as spiece.model.</param>
    /// <param name="deleted">Characters that the model's normalization deletes. The package would keep them.</param>
    /// <exception cref="InvalidDataException">The file is not a model of SentencePiece.</exception>
    public UnigramVocabulary(byte[] model, string deleted)
    {
        _deleted = deleted;
        try
        {
            _pieces = SentencePieceTokenizer.Create(
                new MemoryStream([.. model, .. BeginsAtZero]), addBeginningOfSentence: false, addEndOfSentence: false);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // The package and its reader of protocol buffers throw exceptions of many types.
            throw new InvalidDataException($"It is not a unigram model of SentencePiece: {Sentence.Of(error)}", error);
        }

        if (_pieces.ByteFallback)
            throw new InvalidDataException("It has pieces for the bytes of unknown characters (byte_fallback), which are not supported.");
    }

    public int MaxId => _pieces.Vocabulary.Values.DefaultIfEmpty().Max();

    public void Encode(string piece, List<int> ids)
    {
        string text = piece.AsSpan().ContainsAny(_deleted)
            ? string.Concat(piece.Where(character => !_deleted.Contains(character, StringComparison.Ordinal)))
            : piece;
        foreach (int id in _pieces.EncodeToIds(text, addBeginningOfSentence: false, addEndOfSentence: false))
        {
            // SentencePiece makes one token of a run of unknown characters; the package does not.
            if (id != _pieces.UnknownId || ids.Count == 0 || ids[^1] != id)
                ids.Add(id);
        }
    }
}
