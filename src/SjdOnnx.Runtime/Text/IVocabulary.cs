namespace SjdOnnx.Runtime.Text;

/// <summary>Turns a piece of text into token ids. Thread-safe.</summary>
internal interface IVocabulary
{
    /// <summary>The largest id that text can have.</summary>
    int MaxId { get; }

    /// <summary>Appends the ids of a piece, without special tokens at either end.</summary>
    void Encode(string piece, List<int> ids);
}
