using System.Globalization;
using System.Text.RegularExpressions;

namespace SjdOnnx.Runtime.Text;

/// <summary>Turns the message of another library's exception into a sentence that fits into one of ours.</summary>
internal static partial class Sentence
{
    private const int Longest = 240;

    /// <summary>The first line of the message without ONNX Runtime's error code and C++ signature, with a period at the end.</summary>
    public static string Of(Exception error) => Ended(Clutter().Replace(error.Message.Split('\n')[0], "").Trim());

    /// <summary>
    /// The message without the parameter's name, which .NET appends. The value, which .NET appends too, is kept, because it helps the
    /// reader.
    /// </summary>
    public static string Of(ArgumentException error)
    {
        int parameter = error.Message.IndexOf(" (Parameter '", StringComparison.Ordinal);
        string reason = Ended(parameter < 0 ? error.Message : error.Message[..parameter]);
        return error is ArgumentOutOfRangeException { ActualValue: IFormattable value }
            ? $"{reason} It is {value.ToString(null, CultureInfo.InvariantCulture)}."
            : reason;
    }

    private static string Ended(string text)
    {
        if (text.Length > Longest)
            return string.Concat(text.AsSpan(0, Longest), "….");
        return text.EndsWith('.') ? text : text + ".";
    }

    /// <summary>Matches "[ErrorCode:Fail] " and "/src/model.cc:181 ns::Type::Function(const A&amp;, B) ".</summary>
    [GeneratedRegex(@"^\[ErrorCode:\w+\] |/\S+\.(cc|h):\d+ .*?\) ")]
    private static partial Regex Clutter();
}
