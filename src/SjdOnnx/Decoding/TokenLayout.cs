namespace SjdOnnx.Decoding;

/// <summary>
/// How an image is written as a sequence of tokens. The sequence has rows of image codes. The same structural tokens end every row, and
/// other structural tokens may end the image. Positions are absolute: 0 is the first token after the prompt.
/// </summary>
/// <remarks>
/// Decoding works with <em>codes</em>, 0 to <see cref="Codes"/> − 1. A structural position is <em>forced</em>: only one token can stand
/// there. By convention it has code 0, with probability 1 in both p and q. <see cref="Id"/> translates codes into the model's token ids.
/// </remarks>
public sealed record TokenLayout
{
    /// <summary>Rows of image codes, 1 or more.</summary>
    public required int Rows { get; init => field = AtLeast(1, value, nameof(Rows)); }

    /// <summary>Image codes in a row, 1 or more.</summary>
    public required int Columns { get; init => field = AtLeast(1, value, nameof(Columns)); }

    /// <summary>The token id of code 0, 0 or more. The ids of the other codes follow without a gap.</summary>
    public required int FirstCode { get; init => field = AtLeast(0, value, nameof(FirstCode)); }

    /// <summary>Size of the codebook, 1 or more.</summary>
    public required int Codes { get; init => field = AtLeast(1, value, nameof(Codes)); }

    /// <summary>Ids of the structural tokens after every row, including the last one; often none.</summary>
    public IReadOnlyList<int> RowSuffix { get; init; } = [];

    /// <summary>Ids of the structural tokens after the last row's suffix; often none.</summary>
    public IReadOnlyList<int> Suffix { get; init; } = [];

    /// <summary>The number of tokens: image codes and structural tokens.</summary>
    public int Length => (Rows * Stride) + Suffix.Count;

    /// <summary>The number of image codes: <see cref="Rows"/> × <see cref="Columns"/>.</summary>
    public int ImageTokens => Rows * Columns;

    /// <summary>The position of the last image code. Only structural tokens follow, and these need no forward pass.</summary>
    public int LastCode => Position(ImageTokens - 1);

    private int Stride => Columns + RowSuffix.Count;

    /// <summary>Whether the token at <paramref name="position"/> is structural.</summary>
    public bool IsForced(int position) => position >= Rows * Stride || position % Stride >= Columns;

    /// <summary>The id of the structural token at <paramref name="position"/>; null for an image code.</summary>
    public int? ForcedId(int position)
    {
        if (!IsForced(position))
            return null;

        int afterRows = position - (Rows * Stride);
        return afterRows >= 0 ? Suffix[afterRows] : RowSuffix[(position % Stride) - Columns];
    }

    /// <summary>
    /// The model's token id of <paramref name="code"/>; at a structural <paramref name="position"/>, the id of its token.
    /// </summary>
    public int Id(int position, int code) => ForcedId(position) ?? FirstCode + code;

    /// <summary>The number, row by row, of the image code at <paramref name="position"/>; null for a structural token.</summary>
    public int? CodeIndex(int position) => IsForced(position) ? null : (position / Stride * Columns) + (position % Stride);

    /// <summary>The position of the image code number <paramref name="codeIndex"/>, counted row by row.</summary>
    public int Position(int codeIndex) => (codeIndex / Columns * Stride) + (codeIndex % Columns);

    /// <summary>The position of the image code to the left in the same row; null in the first column and for structural tokens.</summary>
    public int? Left(int position) => IsForced(position) || position % Stride == 0 ? null : position - 1;

    /// <summary>The position of the image code above; null in the first row and for structural tokens.</summary>
    public int? Above(int position) => IsForced(position) || position < Stride ? null : position - Stride;

    private static int AtLeast(int least, int value, string name) => value >= least
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"A token layout needs {name} of at least {least}.");
}
