using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;

namespace SjdOnnx.Runtime;

/// <summary>
/// How the numbers of a model are stored and multiplied: one of the precisions that the model was exported at. In text it is the name.
/// </summary>
[JsonConverter(typeof(TextJson<Precision>))]
public readonly record struct Precision : IParsable<Precision>
{
    private readonly string? _name;

    private Precision(string name) => _name = name;

    /// <summary>32-bit floating point.</summary>
    public static Precision Fp32 { get; } = new("fp32");

    /// <summary>16-bit floating point.</summary>
    public static Precision Fp16 { get; } = new("fp16");

    /// <summary>16-bit floating point with the range of 32 bits.</summary>
    public static Precision Bf16 { get; } = new("bf16");

    /// <summary>Matrices of 8-bit integers.</summary>
    [SuppressMessage("Naming", "CA1720:Identifier contains type name", Justification = "This is what the field calls the precision.")]
    public static Precision Int8 { get; } = new("int8");

    /// <summary>Matrices of 4-bit integers.</summary>
    public static Precision Int4 { get; } = new("int4");

    /// <summary>The name, as in model.json: <c>int8</c>.</summary>
    public string Name => _name ?? "fp32";

    /// <summary>Reads a name in lower-case letters and digits. The model decides which precisions there are.</summary>
    /// <exception cref="FormatException">The text is no such name.</exception>
    public static Precision Parse(string s) => TryParse(s, out Precision precision)
        ? precision
        : throw new FormatException($"'{s}' is no precision; it must be a name such as fp32, fp16, bf16, int8 or int4.");

    /// <inheritdoc cref="Parse"/>
    /// <returns>Whether the text is such a name.</returns>
    public static bool TryParse([NotNullWhen(true)] string? s, out Precision result)
    {
        bool legal = s is { Length: > 0 } && s.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_');
        result = legal ? new Precision(s!) : default;
        return legal;
    }

    static Precision IParsable<Precision>.Parse(string s, IFormatProvider? provider) => Parse(s);

    static bool IParsable<Precision>.TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out Precision result) =>
        TryParse(s, out result);

    /// <summary>Whether the names are equal.</summary>
    public bool Equals(Precision other) => Name == other.Name;

    /// <inheritdoc/>
    public override int GetHashCode() => Name.GetHashCode(StringComparison.Ordinal);

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
