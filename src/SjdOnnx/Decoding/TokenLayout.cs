namespace SjdOnnx.Decoding;

/// <summary>
/// How a picture is written as a sequence of tokens: rows of image codes, each row closed by the same structural tokens,
/// the picture by some more. Positions are absolute: 0 is the first token after the prompt.
/// </summary>
/// <remarks>
/// Decoding knows <em>codes</em>, 0 to <see cref="Codes"/> − 1. A structural position is <em>forced</em>: its alphabet has a single
/// symbol, which by convention is code 0 with all the probability, in p and in q alike. Only <see cref="Id"/> knows
/// the model's own token ids.
/// </remarks>
public sealed record TokenLayout
{
    /// <summary>Rows of image codes, 1 or more.</summary>
    public required int Rows { get; init => field = AtLeast(1, value, nameof(Rows)); }

    /// <summary>Image codes in a row, 1 or more.</summary>
    public required int Columns { get; init => field = AtLeast(1, value, nameof(Columns)); }

    /// <summary>The token id of code 0; the other codes follow it without a gap.</summary>
    public required int FirstCode { get; init => field = AtLeast(0, value, nameof(FirstCode)); }

    /// <summary>Size of the codebook, 1 or more.</summary>
    public required int Codes { get; init => field = AtLeast(1, value, nameof(Codes)); }

    /// <summary>Ids of the structural tokens after every row, the last one included; often none.</summary>
    public IReadOnlyList<int> RowSuffix { get; init; } = [];

    /// <summary>Ids of the structural tokens after the last row's suffix; often none.</summary>
    public IReadOnlyList<int> Suffix { get; init; } = [];

    /// <summary>Tokens of the picture: the image's and the structural ones.</summary>
    public int Length => (Rows * Stride) + Suffix.Count;

    /// <summary>Tokens that are image codes: <see cref="Rows"/> × <see cref="Columns"/>.</summary>
    public int ImageTokens => Rows * Columns;

    /// <summary>The position of the last image code: what comes after it is structure and needs no forward pass.</summary>
    public int LastCode => Position(ImageTokens - 1);

    private int Stride => Columns + RowSuffix.Count;

    /// <summary>Whether the token at <paramref name="position"/> is structural.</summary>
    public bool IsForced(int position) => position >= Rows * Stride || position % Stride >= Columns;

    /// <summary>The id of the structural token at <paramref name="position"/>, or null where there is an image code.</summary>
    public int? ForcedId(int position)
    {
        if (!IsForced(position))
            return null;

        int afterRows = position - (Rows * Stride);
        return afterRows >= 0 ? Suffix[afterRows] : RowSuffix[(position % Stride) - Columns];
    }

    /// <summary>The model's id of <paramref name="code"/>; at a structural <paramref name="position"/>, of the token there.</summary>
    public int Id(int position, int code) => ForcedId(position) ?? FirstCode + code;

    /// <summary>Which image code, row by row, stands at <paramref name="position"/>; null where the token is structural.</summary>
    public int? CodeIndex(int position) => IsForced(position) ? null : (position / Stride * Columns) + (position % Stride);

    /// <summary>Where the image code number <paramref name="codeIndex"/>, counted row by row, stands.</summary>
    public int Position(int codeIndex) => (codeIndex / Columns * Stride) + (codeIndex % Columns);

    /// <summary>The position of the image code to the left in the same row; null in the first column and for structure.</summary>
    public int? Left(int position) => IsForced(position) || position % Stride == 0 ? null : position - 1;

    /// <summary>The position of the image code above; null in the first row and for structure.</summary>
    public int? Above(int position) => IsForced(position) || position < Stride ? null : position - Stride;

    private static int AtLeast(int least, int value, string name) => value >= least
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"A token layout needs {name} of at least {least}.");
}
