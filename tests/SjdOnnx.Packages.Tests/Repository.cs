using System.Reflection;

namespace SjdOnnx.Packages.Tests;

internal static class Repository
{
    public static string Root { get; } = Path.GetFullPath(
        typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(data => data.Key == "RepositoryRoot").Value!);

    public static string PathOf(string relative) => Path.Combine(Root, relative);

    /// <summary>The code block of README.md that follows a text, without its fences.</summary>
    public static string ReadmeBlock(string language, string after)
    {
        string readme = File.ReadAllText(PathOf("README.md"));
        int start = readme.IndexOf(after, StringComparison.Ordinal);
        Assert.True(start >= 0, $"README.md has no '{after}'.");
        string fence = $"```{language}\n";
        start = readme.IndexOf(fence, start, StringComparison.Ordinal) + fence.Length;
        return readme[start..readme.IndexOf("```", start, StringComparison.Ordinal)];
    }
}
