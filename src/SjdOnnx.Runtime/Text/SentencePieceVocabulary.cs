using Microsoft.ML.Tokenizers;

namespace SjdOnnx.Runtime.Text;

/// <summary>
/// Llama's tokenizer: SentencePiece's BPE, with pieces for the bytes of unknown characters. A space is put before the text.
/// </summary>
internal sealed class SentencePieceVocabulary : IVocabulary
{
    private readonly LlamaTokenizer _pieces;

    /// <param name="model">SentencePiece's file, tokenizer.model.</param>
    /// <exception cref="InvalidDataException">The file is not such a model.</exception>
    public SentencePieceVocabulary(byte[] model)
    {
        try
        {
            _pieces = LlamaTokenizer.Create(new MemoryStream(model), addBeginOfSentence: false, addEndOfSentence: false);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // The package and its reader of protocol buffers throw exceptions of many types.
            throw new InvalidDataException($"It is not a BPE model of SentencePiece: {Sentence.Of(error)}", error);
        }
    }

    public int MaxId => _pieces.Vocabulary.Values.DefaultIfEmpty().Max();

    public void Encode(string piece, List<int> ids) =>
        ids.AddRange(_pieces.EncodeToIds(piece, addBeginningOfSentence: false, addEndOfSentence: false));
}
