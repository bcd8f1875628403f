using Microsoft.ML.Tokenizers;

namespace SjdOnnx.Runtime.Tokenizers;

/// <summary>
/// Leaves a piece whole, since <see cref="IsolatedSplits"/> has cut it from the text already. The package's own pre-tokenizers lose
/// text between matches, and without one its byte-level model drops spaces.
/// </summary>
internal sealed class WholePiece : PreTokenizer
{
    public static readonly WholePiece Instance = new();

    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => [(0, text.Length)];

    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text) => [(0, text.Length)];
}
