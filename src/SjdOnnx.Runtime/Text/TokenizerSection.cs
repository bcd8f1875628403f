using System.Text.Json.Serialization;

namespace SjdOnnx.Runtime.Text;

/// <summary>The section <c>tokenizer</c> of model.json.</summary>
internal sealed record TokenizerSection
{
    /// <summary>bpe, tiktoken, unigram, or sentencepiece for Llama's.</summary>
    public required string Kind { get; init; }

    /// <summary>The file of the vocabulary: JSON for bpe, tiktoken's ranks, or SentencePiece's model.</summary>
    public required string Vocabulary { get; init; }

    /// <summary>The file of bpe's merges; null if there are none.</summary>
    public string? Merges { get; init; }

    /// <summary>The normalizers that are applied to text first, in order: nfc, lowercase.</summary>
    public string[] Normalizers { get => field ??= []; init; }

    /// <summary>Regular expressions in .NET's syntax that cut text into pieces, in order.</summary>
    public string[] Splits { get => field ??= []; init; }

    /// <summary>
    /// Lists of three code points: the first and last of a range of characters past U+FFFF that a class in <see cref="Splits"/> names, and
    /// the character that stands for them there.
    /// </summary>
    public int[][] StandIns { get => field ??= []; init; }

    /// <summary>For bpe: whether a piece that is itself a token becomes that token, even if the merges give another result.</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>The id of a byte without a token; null leaves such bytes out.</summary>
    public int? UnknownId { get; init; }

    /// <summary>Single characters that are tokens wherever they occur, with their ids.</summary>
    public Dictionary<string, int> Characters { get => field ??= []; init; }

    /// <summary>Characters that a unigram model's normalization deletes.</summary>
    public string Deleted { get => field ??= ""; init; }

    /// <summary>The names of its files.</summary>
    [JsonIgnore]
    public IEnumerable<string> Files => Merges is null ? [Vocabulary] : [Vocabulary, Merges];
}
