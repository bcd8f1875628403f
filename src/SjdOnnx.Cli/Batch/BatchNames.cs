using System.Globalization;
using System.Text.RegularExpressions;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Batch;

/// <summary>Names of the image files, which do not change when lines are added at the end of the input.</summary>
/// <param name="template">
/// Text with the placeholders {index}, {id} and {seed}; null for the index and, if there is one, the id.
/// </param>
internal sealed partial class BatchNames(string? template)
{
    /// <summary>Digits of an index at least, so that names sort as the images do.</summary>
    private const int MinDigits = 5;

    /// <summary>File systems allow 255 bytes, and the temporary name needs a few more.</summary>
    private const int MaxLength = 120;

    private const string Placeholders = "{index}, {id} and {seed}";

    /// <summary>Checks a template or an id.</summary>
    /// <returns>Null, or what is wrong, as it continues after the name of the text.</returns>
    public static string? ComplaintAbout(string text) => text switch
    {
        { Length: > MaxLength } => $" has {text.Length} characters; a name must have at most {MaxLength}.",
        _ when text.StartsWith('.') => $" is '{text}'; a name must not begin with a period.",
        _ when text.FirstOrDefault(IsForbidden) is var character and not '\0' =>
            $" is '{text}'; the name of a file cannot have the character '{character}'.",
        _ => null,
    };

    /// <summary>Checks a template.</summary>
    /// <returns>Null, or what is wrong, as it continues after the option's name.</returns>
    public static string? ComplaintAboutTemplate(string template) =>
        Placeholder().Matches(template).FirstOrDefault(found => found.Value is not ("{index}" or "{id}" or "{seed}")) is { } unknown
            ? $" has {unknown.Value}; the placeholders are {Placeholders}."
            : ComplaintAbout(Placeholder().Replace(template, ""));

    /// <param name="index">Of the image, from 0.</param>
    /// <param name="id">Null if the line has none.</param>
    /// <param name="extension">With its period.</param>
    /// <exception cref="CommandException">The template has {id}, and there is none.</exception>
    public string Of(int index, string? id, ulong seed, string extension)
    {
        string number = index.ToString(CultureInfo.InvariantCulture).PadLeft(MinDigits, '0');
        if (template is null)
            return $"{number}{(id is null ? "" : $"-{id}")}{extension}";
        if (id is null && template.Contains("{id}", StringComparison.Ordinal))
            throw new CommandException(ExitCode.Input, $"it has no id, which --name '{template}' needs.");
        return Placeholder().Replace(template, found => found.Value switch
        {
            "{index}" => number,
            "{id}" => id!,
            _ => seed.ToString(CultureInfo.InvariantCulture),
        }) + extension;
    }

    /// <summary>What one of the usual file systems does not allow.</summary>
    private static bool IsForbidden(char character) => char.IsControl(character) || "/\\:*?\"<>|\u2028\u2029".Contains(character);

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Placeholder();
}
