namespace SjdOnnx.Runtime.Tokenizers;

/// <summary>Turns a piece of text into token ids. Several threads may use it at once.</summary>
internal interface IVocabulary
{
    /// <summary>The largest id that a text can have.</summary>
    int MaxId { get; }

    /// <summary>Appends the ids of a piece, nothing added at either end.</summary>
    void Encode(string piece, List<int> ids);
}
