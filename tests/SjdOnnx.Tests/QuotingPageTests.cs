using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace SjdOnnx.Tests;

/// <summary>Pages of docs quote code and name files: both must be in the sources.</summary>
public sealed partial class QuotingPageTests
{
    [Theory]
    [InlineData("architecture.md")]
    [InlineData("jacobi.md")]
    public void Code_that_the_page_quotes_is_in_the_sources(string page)
    {
        string root = Root();
        string[] sources = [.. Directory.EnumerateFiles(Path.Combine(root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .Select(file => Flat(File.ReadAllText(file)))];
        string[] quotes = [.. CSharpBlock().Matches(Page(root, page)).Select(block => Flat(block.Groups["code"].Value))];

        Assert.NotEmpty(quotes);
        Assert.All(quotes, quote => Assert.Contains(sources, source => source.Contains(quote, StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("architecture.md")]
    [InlineData("jacobi.md")]
    public void Files_that_the_page_links_to_exist(string page)
    {
        string root = Root();
        string[] links = [.. Link().Matches(Page(root, page)).Select(link => link.Groups["path"].Value)];

        Assert.NotEmpty(links);
        Assert.All(links, link => Assert.True(Path.Exists(Path.Combine(root, "docs", link)), $"There is no {link}."));
    }

    private static string Page(string root, string page) => File.ReadAllText(Path.Combine(root, "docs", page));

    private static string Flat(string code) =>
        string.Join('\n', code.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0));

    private static string Root([CallerFilePath] string file = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", ".."));

    [GeneratedRegex("```csharp\\n(?<code>.*?)```", RegexOptions.Singleline)]
    private static partial Regex CSharpBlock();

    [GeneratedRegex(@"\]\((?<path>[^)#:]+)\)")]
    private static partial Regex Link();
}
