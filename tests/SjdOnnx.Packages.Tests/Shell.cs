using System.Diagnostics;

namespace SjdOnnx.Packages.Tests;

/// <summary>Runs programs as a user would, with what they build and fetch kept away from the repository and the user's folders.</summary>
internal sealed class Shell : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(8);

    /// <summary>What MSBuild tells the test host of itself would make the commands below build with another SDK.</summary>
    private static readonly string[] OfThisBuild =
        ["MSBuildSDKsPath", "MSBUILD_EXE_PATH", "MSBuildExtensionsPath", "MSBuildLoadMicrosoftTargetsReadOnly"];

    public string Folder { get; } = Directory.CreateTempSubdirectory("sjdonnx-packages-").FullName;

    public string PathOf(string relative) => Path.Combine(Folder, relative);

    /// <param name="folder">The working folder, relative to <see cref="Folder"/>.</param>
    /// <returns>What the command printed on both streams.</returns>
    public async Task<string> RunAsync(string folder, string program, params string[] arguments)
    {
        (int exitCode, string output) = await TryAsync(folder, program, arguments);
        Assert.True(exitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {exitCode}:\n{output}");
        return output;
    }

    /// <inheritdoc cref="RunAsync"/>
    public async Task<(int ExitCode, string Output)> TryAsync(string folder, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = Directory.CreateDirectory(PathOf(folder)).FullName,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string variable in OfThisBuild)
            start.Environment.Remove(variable);
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(home, ".nuget", "packages");
        // Packages made here go into a folder of their own; what has been fetched before is not fetched again.
        start.Environment["NUGET_PACKAGES"] = PathOf("fetched");
        start.Environment["NUGET_FALLBACK_PACKAGES"] = packages;
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["DOTNET_CLI_UI_LANGUAGE"] = "en";
        start.Environment["DOTNET_NOLOGO"] = "1";
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["SJDONNX_CACHE"] = PathOf("cache");

        using Process process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(limit.Token);
            Task<string> error = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return (process.ExitCode, await output + await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end within {Limit}.");
        }
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
