namespace SjdOnnx.Packages.Tests;

[Collection(nameof(PackedRepository))]
public class PublishTests(PackedRepository packed)
{
    private readonly Shell _shell = packed.Shell;

    [Fact]
    public async Task A_published_program_draws_and_has_the_native_library_of_its_platform_alone()
    {
        await PublishAsync("plain");

        Assert.Single(PackageTests.NativeLibraries(_shell.PathOf("plain")));
        Assert.Empty(Directory.EnumerateFiles(_shell.PathOf("plain"), "*.xml"));
        await DrawAsync("plain");
    }

    [Fact]
    public async Task A_single_file_draws_with_no_assembly_beside_it()
    {
        await PublishAsync("single", "--self-contained", "-p:PublishSingleFile=true");

        string single = _shell.PathOf("single");
        Assert.Empty(Directory.EnumerateFiles(single, "*.dll").Except(PackageTests.NativeLibraries(single)));
        await DrawAsync("single");
    }

    private Task<string> PublishAsync(string folder, params string[] arguments) =>
        packed.BuildAsync("publish", "SjdOnnx.Cli", ["-r", PackedRepository.Platform, "--output", _shell.PathOf(folder), .. arguments]);

    /// <summary>From a folder outside the repository, so that the model can only be the program's own.</summary>
    private async Task DrawAsync(string folder)
    {
        await _shell.RunAsync($"drawn-{folder}", Path.Combine(_shell.PathOf(folder), "sjd"), "generate", "a fox", "-o", "fox.png");

        Assert.True(File.Exists(_shell.PathOf($"drawn-{folder}/fox.png")));
    }
}
