using System.Globalization;

namespace SjdOnnx.Runtime.Model;

/// <summary>Requirements on the fields of model.json. One that does not hold is a <see cref="ModelException"/> with a sentence.</summary>
internal static class Requirement
{
    public static void RequireFileName(string field, string name) =>
        Require(name.Length > 0 && !name.AsSpan().ContainsAny('/', '\\') && name is not ("." or ".."),
            $"{field} has '{name}'; it must be the name of a file in the model folder, without a path");

    public static void RequireNoNull(string field, IEnumerable<object?> values) =>
        Require(!values.Contains(null), $"{field} has null as a value");

    public static void RequireText(string field, string text) => Require(text.Length > 0, $"{field} is empty; it must be text");

    public static void RequireBetween(string field, int value, int least, int most) =>
        Require(value >= least && value <= most, $"{field} is {value}; it must be at least {least} and at most {most}");

    public static void RequireBetween(string field, float value, float most) => // written so that NaN fails too
        Require(value >= 0 && value <= most, $"{field} is {Number(value)}; it must be at least 0 and at most {Number(most)}");

    public static void RequireAtLeast(string field, int value, int least) =>
        Require(value >= least, $"{field} is {value}; it must be at least {least}");

    public static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new ModelException($"{ManifestReader.FileName}: {otherwise}. {ModelException.Remedy}");
    }

    public static string Names(IEnumerable<string> names) => string.Join(", ", names.Order(StringComparer.Ordinal));

    public static string Number(float value) => value.ToString(CultureInfo.InvariantCulture);
}
