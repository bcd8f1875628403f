using System.Text.Json;
using SjdOnnx.Methods;

namespace SjdOnnx.Cli.Tests;

public class MethodsTests
{
    [Fact]
    public async Task Every_method_is_listed_as_exact_or_lossy()
    {
        using var sjd = new Sjd();

        Finished text = await sjd.RunAsync("methods");
        Assert.Equal((0, ""), (text.ExitCode, text.Error));
        string[] lines = text.Output.TrimEnd('\n').Split('\n');
        Assert.Equal(2 + DecodingMethods.Names.Count, lines.Length);
        Assert.Contains(lines, line => line.StartsWith("| sjd ", StringComparison.Ordinal) && line.Contains("| yes ", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("| gsd ", StringComparison.Ordinal) && line.Contains("| lossy ", StringComparison.Ordinal));

        Finished json = await sjd.RunAsync("methods", "--json");
        JsonElement[] methods = [.. JsonElement.Parse(json.Output).EnumerateArray()];
        Assert.Equal(DecodingMethods.Names, methods.Select(method => method.GetProperty("name").GetString()!));
        JsonElement grouped = methods.Single(method => method.GetProperty("name").GetString() == "gsd");
        Assert.Equal(["name", "exact", "seed_exact", "options", "summary"], grouped.EnumerateObject().Select(member => member.Name));
        Assert.False(grouped.GetProperty("exact").GetBoolean());
        Assert.Equal(["--window", "--init", "--group-size", "--group-tolerance"],
            grouped.GetProperty("options").EnumerateArray().Select(option => option.GetString()));
    }

    [Fact]
    public void Every_option_of_a_method_is_one_of_generate() =>
        Assert.All(DecodingMethods.Names.SelectMany(name => DecodingMethods.Describe(name).Options), property => MethodArguments.OptionOf(property));
}
