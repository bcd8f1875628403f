using System.Text.Json;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;

namespace SjdOnnx.Cli.Tests.Methods;

public class MethodsTests
{
    [Fact]
    public async Task Every_method_is_listed_as_exact_or_lossy()
    {
        using var sjd = new Sjd();

        Finished text = await sjd.RunAsync("methods");
        Assert.Equal((0, ""), (text.ExitCode, text.Error));
        string[] lines = text.Output.TrimEnd('\n').Split('\n');
        Assert.Equal(2 + DecodingMethods.BuiltIn.Names.Count, lines.Length);
        Assert.Contains(lines,
            line => line.StartsWith("| sjd ", StringComparison.Ordinal) && line.Contains("| yes ", StringComparison.Ordinal));
        Assert.Contains(lines,
            line => line.StartsWith("| gsd ", StringComparison.Ordinal) && line.Contains("| lossy ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task JSON_has_what_the_descriptors_say()
    {
        using var sjd = new Sjd();

        Finished json = await sjd.RunAsync("methods", "--json");

        JsonElement[] methods = [.. JsonElement.Parse(json.Output).EnumerateArray()];
        Assert.Equal(DecodingMethods.BuiltIn.Names, methods.Select(method => method.GetProperty("name").GetString()!));
        JsonElement grouped = methods.Single(method => method.GetProperty("name").GetString() == "gsd");
        Assert.Equal(
            ["name", "summary", "exact", "seed_exact", "has_drafts", "needs_tree", "reads_noise", "options"],
            grouped.EnumerateObject().Select(member => member.Name));
        Assert.False(grouped.GetProperty("exact").GetBoolean());
        Assert.Equal(["--group-size", "--group-tolerance"],
            grouped.GetProperty("options").EnumerateArray().Select(option => option.GetProperty("name").GetString()));
        MethodOption size = GroupedAcceptance.Descriptor.Options[0];
        Assert.Equal(
            [("name", "--group-size"), ("description", size.Description), ("range", "0 to 1024"), ("default", "14")],
            grouped.GetProperty("options")[0].EnumerateObject().Select(member => (member.Name, member.Value.GetString()!)));
        Assert.Equal(["ar", "exact"], Where("seed_exact"));
        Assert.Equal(["pac", "sjd2-published"], Where("needs_tree"));
        Assert.Equal(["sjd2", "sjd2-published"], Where("reads_noise"));
        Assert.Equal(DecodingMethods.BuiltIn.Names.Where(name => name != "ar"), Where("has_drafts"));

        IEnumerable<string> Where(string property) =>
            methods.Where(method => method.GetProperty(property).GetBoolean()).Select(method => method.GetProperty("name").GetString()!);
    }
}
