using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli;

/// <summary>A picture's size, or only its shape.</summary>
internal sealed record Shape(ImageSize? Size, AspectRatio? Ratio);

/// <summary>Options whose values are checked while parsing, so that a wrong one is named before anything is loaded.</summary>
internal static class CheckedOption
{
    public const string All = "all";

    /// <summary>Whose value holds where none is given.</summary>
    public const string TheModels = "the model's";

    /// <param name="range">The legal values in words, after "must be".</param>
    /// <param name="legal">False for NaN.</param>
    public static Option<T?> Number<T>(
        string name, string valueName, string description, string range, string byDefault, Func<T, bool> legal)
        where T : struct, INumber<T> =>
        new(name)
        {
            HelpName = valueName,
            Description = $"{description}: {range} [default: {byDefault}]",
            CustomParser = result =>
            {
                // Float allows a sign, a point and an exponent, and no thousands separators: 1,5 is an error and not 15.
                if (T.TryParse(Token(result), NumberStyles.Float, CultureInfo.InvariantCulture, out T value) && legal(value))
                    return value;
                result.AddError($"{name} is '{Token(result)}'; it must be {range}.");
                return null;
            },
        };

    /// <summary>A number of drafts, or "auto".</summary>
    public static Option<WindowSize?> Window(string name, string description, string byDefault) =>
        new(name)
        {
            HelpName = $"N|{WindowSize.Auto}",
            Description = $"{description}: {WindowRange(0)} [default: {byDefault}]",
            CustomParser = result =>
            {
                if (Windows(0)(Token(result), out WindowSize window))
                    return window;
                result.AddError($"{name} is '{Token(result)}'; it must be {WindowRange(0)}.");
                return null;
            },
        };

    /// <summary>What <see cref="Windows"/> takes, in words.</summary>
    public static string WindowRange(int least) => $"{WindowSize.Auto}, or a whole number from {least} to {DecodingOptions.LargestWindow}";

    /// <summary>For <see cref="List"/>: windows of at least so many drafts.</summary>
    public static TryParse<WindowSize> Windows(int least) => (text, out window) =>
        WindowSize.TryParse(text, out window) && (window.Drafts ?? least) >= least && (window.Drafts ?? 0) <= DecodingOptions.LargestWindow;

    public static Option<string?> OneOf(string name, string description, IReadOnlyList<string> legal, string byDefault)
    {
        var option = new Option<string?>(name)
        {
            HelpName = "NAME",
            Description = $"{description}: {string.Join(", ", legal)} [default: {byDefault}]",
        };
        option.CompletionSources.Add(_ => legal.Select(value => new CompletionItem(value)));
        option.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: string value }] && !legal.Contains(value))
                result.AddError($"{name} is '{value}'; it must be one of {string.Join(", ", legal)}.");
        });
        return option;
    }

    /// <summary>Names separated by commas, or "all"; without repetitions, in the order given.</summary>
    public static Option<IReadOnlyList<string>?> Names(string name, string description, IReadOnlyList<string> legal, string byDefault)
    {
        var option = new Option<IReadOnlyList<string>?>(name)
        {
            HelpName = "A,B",
            Description = $"{description}: {All}, or some of {string.Join(", ", legal)} [default: {byDefault}]",
            CustomParser = result =>
            {
                if (Token(result) == All)
                    return legal;
                string[] names = Token(result).Split(',');
                if (names.FirstOrDefault(each => !legal.Contains(each)) is not string unknown)
                    return [.. names.Distinct()];
                result.AddError(
                    $"{name} names '{unknown}'; it must be {All}, or names with commas between, of {string.Join(", ", legal)}.");
                return null;
            },
        };
        option.CompletionSources.Add(_ => legal.Append(All).Select(value => new CompletionItem(value)));
        return option;
    }

    /// <summary>Values separated by commas.</summary>
    /// <param name="range">A legal value in words, after "must be".</param>
    public static Option<IReadOnlyList<T>?> List<T>(
        string name, string valueName, string description, string range, string byDefault, TryParse<T> legal) =>
        new(name)
        {
            HelpName = valueName,
            Description = $"{description}, with commas between: each {range} [default: {byDefault}]",
            CustomParser = result =>
            {
                var values = new List<T>();
                foreach (string item in Token(result).Split(','))
                {
                    if (!legal(item, out T value))
                    {
                        result.AddError($"{name} has '{item}'; each must be {range}, with commas between.");
                        return null;
                    }
                    values.Add(value);
                }

                return values;
            },
        };

    /// <summary>Width and height in pixels, as in 128x128, or their ratio, as in 16:9.</summary>
    public static Option<Shape?> Size(string name, string description) =>
        new(name)
        {
            HelpName = "WxH|W:H",
            Description = description,
            CustomParser = result =>
            {
                string text = Token(result);
                bool isRatio = text.Contains(':', StringComparison.Ordinal);
                string[] parts = text.Split(isRatio ? [':'] : ['x', 'X']);
                if (parts.Length == 2 && IsPixels(parts[0], out int width) && IsPixels(parts[1], out int height))
                    return isRatio ? new Shape(null, new AspectRatio(width, height)) : new Shape(new ImageSize(width, height), null);
                result.AddError($"{name} is '{text}'; it must be width and height in pixels, such as 128x128, or their ratio, such as 16:9.");
                return null;
            },
        };

    /// <summary>A name or path; empty ones, which a shell makes of an unset variable, are refused.</summary>
    public static Option<string?> Text(string name, string alias, string valueName, string description)
    {
        var option = new Option<string?>(name, alias is "" ? [] : [alias]) { HelpName = valueName, Description = description };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: "" }])
                result.AddError($"{name} is empty; it must be {valueName}.");
        });
        return option;
    }

    public static Option<bool> Flag(string name, string description) => new(name) { Description = description, Arity = ArgumentArity.Zero };

    public delegate bool TryParse<T>(string text, out T value);

    /// <summary>For <see cref="List"/>: whole numbers within bounds.</summary>
    public static TryParse<int> Whole(int least, int most) => (text, out value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= least && value <= most;

    private static bool IsPixels(string text, out int pixels) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out pixels) && pixels > 0;

    private static string Token(ArgumentResult result) => result.Tokens.Count == 0 ? "" : result.Tokens[0].Value;
}
