using Microsoft.ML.Tokenizers;

namespace SjdOnnx.Runtime.Text;

/// <summary>
/// Keeps a piece whole, because <see cref="IsolatedSplits"/> has already cut the text. The package's own pre-tokenizers lose text between
/// matches. Without a pre-tokenizer, its byte-level model drops spaces.
/// </summary>
internal sealed class WholePiece : PreTokenizer
{
    public static readonly WholePiece Instance = new();

    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => [(0, text.Length)];

    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text) => [(0, text.Length)];
}
