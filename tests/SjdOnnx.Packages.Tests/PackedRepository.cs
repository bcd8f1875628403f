using System.Runtime.InteropServices;

namespace SjdOnnx.Packages.Tests;

/// <summary>The repository's packages, packed once into a local feed that programs in <see cref="Shell"/>'s folders restore from.</summary>
public sealed class PackedRepository : IAsyncLifetime
{
    /// <summary>Above any that the user may have fetched.</summary>
    public const string Version = "99.0.0";

    internal Shell Shell { get; } = new();

    public static string Platform { get; } = RuntimeInformation.RuntimeIdentifier;

    internal string Feed => Shell.PathOf("feed");

    public async Task InitializeAsync()
    {
        string[] projects =
            ["SjdOnnx", "SjdOnnx.Runtime", "SjdOnnx.Extensions.AI", "SjdOnnx.Extensions.Hosting", "SjdOnnx.Server", "SjdOnnx.Cli"];
        foreach (string project in projects)
            await BuildAsync("pack", project, $"-p:Version={Version}", "--output", Feed);
        await File.WriteAllTextAsync(
            Shell.PathOf("nuget.config"),
            $"""<configuration><packageSources><add key="packed" value="{Feed}" /></packageSources></configuration>""");
    }

    /// <summary>Runs a command of the SDK on a project of src, without writing into the repository.</summary>
    internal Task<string> BuildAsync(string command, string project, params string[] arguments) =>
        Shell.RunAsync(
            "build",
            "dotnet",
            [command, Repository.PathOf($"src/{project}"), "-c", "Release", "--artifacts-path", Shell.PathOf("artifacts"), .. arguments]);

    public Task DisposeAsync()
    {
        Shell.Dispose();
        return Task.CompletedTask;
    }
}

[CollectionDefinition(nameof(PackedRepository))]
public class PackedRepositoryGroup : ICollectionFixture<PackedRepository>;
