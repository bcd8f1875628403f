using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;

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
    public async Task A_native_program_draws_with_no_assembly_beside_it()
    {
        await PublishAsync("native", "-p:PublishAot=true");

        string native = _shell.PathOf("native");
        Assert.Empty(Directory.EnumerateFiles(native, "*.dll").Except(PackageTests.NativeLibraries(native)));
        await DrawAsync("native");
    }

    [Fact]
    public async Task A_published_server_draws_without_environment_and_home_folder_and_writes_nothing()
    {
        await PublishAsync("server");
        string folder = Directory.CreateDirectory(_shell.PathOf("served")).FullName;
        var start = new ProcessStartInfo(Path.Combine(_shell.PathOf("server"), "sjd"), ["serve", "--urls", "http://127.0.0.1:0"])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
        };
        string? runtime = Environment.GetEnvironmentVariable("DOTNET_ROOT");
        start.Environment.Clear();
        if (runtime is not null)
            start.Environment["DOTNET_ROOT"] = runtime; // where the program finds .NET, which it does not bring with it
        using Process server = Process.Start(start)!;
        try
        {
            using var client = new HttpClient { BaseAddress = new Uri((await server.StandardOutput.ReadLineAsync())!) };
            using HttpResponseMessage image = await client.PostAsJsonAsync("/v1/images/generations", new { prompt = "a fox" });
            Assert.Equal(HttpStatusCode.OK, image.StatusCode);
            Assert.Contains("<title>SjdOnnx</title>", await client.GetStringAsync("/"), StringComparison.Ordinal);
        }
        finally
        {
            server.Kill();
            await server.WaitForExitAsync();
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(folder));
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
