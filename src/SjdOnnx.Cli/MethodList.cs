using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Methods;
using Spectre.Console;

namespace SjdOnnx.Cli;

/// <summary>What <c>sjd methods</c> does: print what the registry says.</summary>
internal static class MethodList
{
    /// <returns>The exit code.</returns>
    public static int Run(bool json)
    {
        MethodReport[] methods = [.. DecodingMethods.Names.Select(DecodingMethods.Describe).Select(MethodReport.Of)];
        if (json)
            Print.Data(JsonSerializer.Serialize(methods, MethodReportJson.Default.MethodReportArray));
        else
            Print.Data(ToText(methods, Console.IsOutputRedirected ? null : Console.WindowWidth));
        return ExitCode.Done;
    }

    private static string ToText(MethodReport[] methods, int? width)
    {
        Table table = TextTable.Of(
            ("method", Justify.Left), ("exact", Justify.Left), ("what it does", Justify.Left), ("options", Justify.Left));
        foreach (MethodReport method in methods)
            TextTable.Add(table, method.Name, method.Exact ? "yes" : "lossy", method.Summary, string.Join(' ', method.Options));
        return TextTable.Render(table, width);
    }

    /// <summary>The lossy methods' names: pictures of these are not distributed as the model's.</summary>
    public static string[] Lossy => [.. DecodingMethods.Names.Where(name => !IsExact(name))];

    public static bool IsExact(string method) => DecodingMethods.Describe(method).IsExact;
}

/// <summary>An element of the list that methods --json prints.</summary>
/// <param name="Options">Of generate.</param>
internal sealed record MethodReport(string Name, bool Exact, bool SeedExact, IReadOnlyList<string> Options, string Summary)
{
    public static MethodReport Of(MethodDescription method) => new(
        method.Name, method.IsExact, method.IsSeedExact, [.. method.Options.Select(MethodArguments.OptionOf)], method.Summary);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(MethodReport[]))]
internal sealed partial class MethodReportJson : JsonSerializerContext;
