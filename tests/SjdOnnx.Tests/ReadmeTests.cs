using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace SjdOnnx.Tests;

/// <summary>What the README quotes from the code must stand in the code.</summary>
public partial class ReadmeTests
{
    [Fact]
    public void Code_that_the_readme_quotes_is_in_the_sources()
    {
        string root = Root();
        string[] sources = [.. Directory.EnumerateFiles(Path.Combine(root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .Select(file => Flat(File.ReadAllText(file)))];
        string[] quotes = [.. CSharpBlock().Matches(File.ReadAllText(Path.Combine(root, "README.md")))
            .Select(block => Flat(block.Groups["code"].Value))
            .Where(code => !code.Contains("using SjdOnnx", StringComparison.Ordinal))]; // an example for users, run by the runtime's tests

        Assert.NotEmpty(quotes);
        Assert.All(quotes, quote => Assert.Contains(sources, source => source.Contains(quote, StringComparison.Ordinal)));
    }

    private static string Flat(string code) => string.Join('\n', code.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0));

    private static string Root([CallerFilePath] string file = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", ".."));

    [GeneratedRegex("```csharp\\n(?<code>.*?)```", RegexOptions.Singleline)]
    private static partial Regex CSharpBlock();
}
