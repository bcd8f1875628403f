using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace SjdOnnx.Runtime;

/// <summary>
/// The most drafts in a forward pass: a number, or <see cref="Auto"/>, which chooses for each pass the number that settles the most tokens
/// per second on this machine. In text and in JSON it is a number or "auto".
/// </summary>
[JsonConverter(typeof(WindowSizeJson))]
public readonly record struct WindowSize : IParsable<WindowSize>
{
    /// <summary>The most drafts that <see cref="Auto"/> chooses.</summary>
    public const int MaxAuto = 64;

    private const string AutoText = "auto";

    private WindowSize(int drafts) => Drafts = drafts;

    /// <summary>Chosen for each pass, 0 to <see cref="MaxAuto"/>.</summary>
    public static WindowSize Auto => default;

    /// <summary>The number; null for <see cref="Auto"/>.</summary>
    public int? Drafts { get; }

    /// <summary>Whether this is <see cref="Auto"/>.</summary>
    public bool IsAuto => Drafts is null;

    /// <summary>This many drafts. A request checks that the number is legal.</summary>
    public static WindowSize Of(int drafts) => new(drafts);

    /// <inheritdoc cref="Of"/>
    public static implicit operator WindowSize(int drafts) => Of(drafts);

    /// <summary>Reads "auto" or a whole number.</summary>
    /// <exception cref="FormatException">It is neither.</exception>
    public static WindowSize Parse(string s) => TryParse(s, out WindowSize window)
        ? window
        : throw new FormatException($"A window is \"auto\" or a number of drafts; '{s}' is neither.");

    /// <inheritdoc cref="Parse"/>
    /// <returns>Whether it is one of them.</returns>
    public static bool TryParse([NotNullWhen(true)] string? s, out WindowSize result)
    {
        result = Auto;
        if (s == AutoText)
            return true;
        if (!int.TryParse(s, NumberStyles.None, CultureInfo.InvariantCulture, out int drafts))
            return false;
        result = Of(drafts);
        return true;
    }

    static WindowSize IParsable<WindowSize>.Parse(string s, IFormatProvider? provider) => Parse(s);

    static bool IParsable<WindowSize>.TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out WindowSize result) =>
        TryParse(s, out result);

    /// <summary>"auto" or the number.</summary>
    public override string ToString() => Drafts?.ToString(CultureInfo.InvariantCulture) ?? AutoText;
}

/// <summary>Reads and writes a <see cref="WindowSize"/> as a number or "auto".</summary>
public sealed class WindowSizeJson : JsonConverter<WindowSize>
{
    /// <inheritdoc/>
    public override WindowSize Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.Number when reader.TryGetInt32(out int drafts) => WindowSize.Of(drafts),
        JsonTokenType.String when reader.ValueTextEquals("auto") => WindowSize.Auto,
        _ => throw new JsonException("A window is a number of drafts or the string \"auto\"."),
    };

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, WindowSize value, JsonSerializerOptions options)
    {
        if (value.Drafts is int drafts)
            writer.WriteNumberValue(drafts);
        else
            writer.WriteStringValue("auto");
    }
}
