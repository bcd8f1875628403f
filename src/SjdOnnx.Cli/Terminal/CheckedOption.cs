using System.CommandLine;
using System.CommandLine.Completions;
using System.Globalization;
using System.Numerics;
using SjdOnnx.Runtime;
using SjdOnnx.Windows;

namespace SjdOnnx.Cli.Terminal;

/// <summary>An image's size, or only its shape.</summary>
internal sealed record Shape(ImageSize? Size, AspectRatio? Ratio);

/// <summary>
/// Options whose values are checked while the command line is parsed, before anything is loaded. If an option is repeated, its last value
/// holds, so a script can append options to those that it was given.
/// </summary>
internal static class CheckedOption
{
    public const string All = "all";

    /// <summary>The default of options that model.json decides.</summary>
    public const string TheModels = "the model's";

    /// <summary>Reads a value.</summary>
    /// <returns>Null, or what is wrong, as it continues after the option's name: " is '0'; it must be 1 or more."</returns>
    public delegate string? Reader<T>(string text, out T value);

    public static Option<T> Of<T>(string name, string valueName, string description, Reader<T> read, params string[] aliases) =>
        new(name, aliases)
        {
            HelpName = valueName,
            Description = description,
            Arity = ArgumentArity.OneOrMore,
            CustomParser = result =>
            {
                if (read(result.Tokens is [.., var last] ? last.Value : "", out T value) is string complaint)
                    result.AddError(name + complaint);
                return value;
            },
        };

    /// <param name="name">With its dashes.</param>
    /// <param name="valueName">What stands for the value on the help page.</param>
    /// <param name="description">What the option does.</param>
    /// <param name="range">The legal values, as they continue after "must be".</param>
    /// <param name="byDefault">The default, in words.</param>
    /// <param name="isLegal">Whether a value is legal. It is not asked about NaN and infinities, which never are.</param>
    public static Option<T?> Number<T>(
        string name, string valueName, string description, string range, string byDefault, Predicate<T> isLegal)
        where T : struct, INumber<T> =>
        Of(name, valueName, $"{description} ({range}; default: {byDefault})", (string text, out T? value) =>
        {
            // Float allows a sign, a point and an exponent, and no thousands separators: 1,5 is an error and not 15.
            bool isNumber = T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out T number) && T.IsFinite(number);
            value = isNumber && isLegal(number) ? number : null;
            return value is null ? Wrong(text, range) : null;
        });

    /// <summary>Names and values, one pair for each time that the option is given. If a name is repeated, its last value holds.</summary>
    public static Option<Dictionary<string, string>?> Pairs(string name, string valueName, string description) =>
        new(name)
        {
            HelpName = valueName,
            Description = description,
            Arity = ArgumentArity.OneOrMore,
            CustomParser = result =>
            {
                var pairs = new Dictionary<string, string>();
                foreach (string text in result.Tokens.Select(static token => token.Value))
                {
                    int separator = text.IndexOf('=', StringComparison.Ordinal);
                    if (separator > 0 && separator < text.Length - 1)
                        pairs[text[..separator]] = text[(separator + 1)..];
                    else
                        result.AddError(name + Wrong(text, $"a name and a value, as in {valueName}"));
                }

                return pairs;
            },
        };

    /// <summary>A number of drafts, or "auto".</summary>
    public static Option<WindowSize?> Window(string name, string description, string byDefault) =>
        Of(name, $"N|{WindowSize.Auto}", $"{description} ({WindowRange(0)}; default: {byDefault})", (string text, out WindowSize? value) =>
        {
            value = Windows(0)(text, out WindowSize window) ? window : null;
            return value is null ? Wrong(text, WindowRange(0)) : null;
        });

    /// <summary>What <see cref="Windows"/> accepts, in words.</summary>
    public static string WindowRange(int min) => $"{WindowSize.Auto}, or a whole number from {min} to {FixedWindow.Max}";

    /// <summary>For <see cref="List"/>: windows of at least so many drafts.</summary>
    public static TryParse<WindowSize> Windows(int min) => (text, out window) =>
        WindowSize.TryParse(text, out window) && (window.Drafts ?? min) >= min && (window.Drafts ?? 0) <= FixedWindow.Max;

    /// <summary>One of some names.</summary>
    public static Option<string?> OneOf(string name, string description, IReadOnlyList<string> legal, string byDefault)
    {
        Option<string?> option = Of(
            name, "NAME", $"{description} ({string.Join(", ", legal)}; default: {byDefault})", (string text, out string? value) =>
            {
                value = legal.Contains(text) ? text : null;
                return value is null ? Wrong(text, $"one of {string.Join(", ", legal)}") : null;
            });
        option.CompletionSources.Add(_ => legal.Select(value => new CompletionItem(value)));
        return option;
    }

    /// <summary>Names separated by commas, or "all"; without repetitions, in the order given.</summary>
    public static Option<IReadOnlyList<string>?> Names(string name, string description, IReadOnlyList<string> legal, string byDefault)
    {
        Option<IReadOnlyList<string>?> option = Of(
            name, "A,B", $"{description} ({All}, or some of {string.Join(", ", legal)}; default: {byDefault})",
            (string text, out IReadOnlyList<string>? value) =>
            {
                value = text == All ? legal : [.. text.Split(',').Distinct()];
                return value.FirstOrDefault(each => !legal.Contains(each)) is string unknown
                    ? $" names '{unknown}'; it must be {All}, or names from this list with commas between: {string.Join(", ", legal)}."
                    : null;
            });
        option.CompletionSources.Add(_ => legal.Append(All).Select(value => new CompletionItem(value)));
        return option;
    }

    /// <summary>Values separated by commas, without repetitions.</summary>
    /// <inheritdoc cref="Number"/>
    public static Option<IReadOnlyList<T>?> List<T>(
        string name, string valueName, string description, string range, string byDefault, TryParse<T> tryParse) =>
        Of(name, valueName, $"{description} (each {range}; default: {byDefault})", (string text, out IReadOnlyList<T>? values) =>
        {
            var legal = new List<T>();
            values = legal;
            foreach (string item in text.Split(','))
            {
                if (!tryParse(item, out T value))
                    return $" has '{item}'; each must be {range}, with commas between.";
                legal.Add(value);
            }

            values = [.. legal.Distinct()];
            return null;
        });

    /// <summary>Width and height in pixels, as in 128x128, or their ratio, as in 16:9.</summary>
    public static Option<Shape?> Size(string name, string description) =>
        Of(name, "WxH|W:H", description, (string text, out Shape? value) =>
        {
            bool isRatio = text.Contains(':', StringComparison.Ordinal);
            string[] parts = text.Split(isRatio ? [':'] : ['x', 'X']);
            TryParse<int> isPixels = Whole(1, int.MaxValue);
            value = parts.Length != 2 || !isPixels(parts[0], out int width) || !isPixels(parts[1], out int height)
                ? null
                : isRatio ? new Shape(null, new AspectRatio(width, height)) : new Shape(new ImageSize(width, height), null);
            return value is null ? Wrong(text, "width and height in pixels, such as 128x128, or their ratio, such as 16:9") : null;
        });

    /// <summary>A name or path. An empty one, which a shell makes of an unset variable, is refused.</summary>
    public static Option<string?> Text(string name, string valueName, string description, params string[] aliases) =>
        Of(name, valueName, description, (string text, out string? value) =>
        {
            value = text;
            return text.Length == 0 ? $" is empty; it must be {valueName}." : null;
        }, aliases);

    /// <summary>--batch: images in a pass.</summary>
    /// <param name="byDefault">The default, in words.</param>
    public static Option<int?> ImagesInPass(string byDefault) => Number<int>("--batch", "N",
        "Images that share each forward pass, which takes less time than one after another",
        "a whole number from 1 to 64", byDefault, static n => n is >= 1 and <= 64);

    /// <summary>The name of a precision. The model decides which precisions there are.</summary>
    public static Option<Precision?> Precision(string name) =>
        Of(name, "NAME", $"Precision of the model's weights, such as fp32 or int8 (default: {TheModels})",
            (string text, out Precision? value) =>
            {
                value = Runtime.Precision.TryParse(text, out Precision precision) ? precision : null;
                return value is null ? Wrong(text, "the name of a precision, such as fp32, fp16, bf16, int8 or int4") : null;
            });

    public static Option<bool> Flag(string name, string description) => new(name) { Description = description, Arity = ArgumentArity.Zero };

    public delegate bool TryParse<T>(string text, out T value);

    /// <summary>Whole numbers from <paramref name="min"/> to <paramref name="max"/>.</summary>
    public static TryParse<int> Whole(int min, int max) => (text, out value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= min && value <= max;

    private static string Wrong(string text, string range) => $" is '{text}'; it must be {range}.";
}
