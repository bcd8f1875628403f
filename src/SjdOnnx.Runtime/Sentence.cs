namespace SjdOnnx.Runtime;

/// <summary>The reason inside an exception of another library, as a sentence that can stand in one of ours.</summary>
internal static class Sentence
{
    /// <summary>The first line of the message, ended by a full stop.</summary>
    public static string Of(Exception error) => Ended(error.Message.Split('\n')[0].Trim());

    /// <summary>.NET appends the parameter's name and the value to an argument's message; only the value is of use to a reader.</summary>
    public static string Of(ArgumentException error)
    {
        int parameter = error.Message.IndexOf(" (Parameter '", StringComparison.Ordinal);
        string reason = Ended(parameter < 0 ? error.Message : error.Message[..parameter]);
        return error is ArgumentOutOfRangeException { ActualValue: IFormattable value }
            ? $"{reason} It is {value.ToString(null, System.Globalization.CultureInfo.InvariantCulture)}."
            : reason;
    }

    private static string Ended(string text) => text.EndsWith('.') ? text : text + ".";
}
