using System.Text.Json;
using System.Text.RegularExpressions;

namespace SjdOnnx.Packages.Tests;

/// <summary>-p:OnnxRuntime=cpu|gpu.</summary>
public sealed class OnnxRuntimeChoiceTests : IDisposable
{
    private readonly Shell _shell = new();

    public void Dispose() => _shell.Dispose();

    [Theory]
    [InlineData("cpu", "linux-x64", "Microsoft.ML.OnnxRuntime")]
    [InlineData("cpu", "win-arm64", "Microsoft.ML.OnnxRuntime")]
    [InlineData("gpu", "linux-x64", "Microsoft.ML.OnnxRuntime.Gpu.Linux")]
    [InlineData("gpu", "win-x64", "Microsoft.ML.OnnxRuntime.Gpu.Windows")]
    public async Task A_build_takes_one_native_package_by_choice_and_platform(string choice, string platform, string package)
    {
        string items = await _shell.RunAsync(
            "choice", "dotnet", "msbuild", Repository.PathOf("src/SjdOnnx.Cli"),
            $"-p:OnnxRuntime={choice}", $"-p:RuntimeIdentifier={platform}",
            "-getItem:PackageReference");

        JsonElement references = JsonElement.Parse(items).GetProperty("Items").GetProperty("PackageReference");
        Assert.Equal(
            [package],
            references.EnumerateArray().Select(reference => reference.GetProperty("Identity").GetString())
                .Where(name => name!.StartsWith("Microsoft.ML.OnnxRuntime", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("abacus", "linux-x64", "error SJD0001: OnnxRuntime is 'abacus'; expected cpu or gpu.")]
    [InlineData("gpu", "osx-arm64", "error SJD0002: The GPU build of ONNX Runtime exists for linux-x64 and win-x64, not for osx-arm64")]
    public async Task A_choice_that_does_not_exist_is_an_error_of_the_build(string choice, string platform, string error)
    {
        (int exitCode, string output) = await _shell.TryAsync(
            "choice", "dotnet", "msbuild", Repository.PathOf("src/SjdOnnx.Cli"),
            $"-p:OnnxRuntime={choice}", $"-p:RuntimeIdentifier={platform}",
            "-target:CheckOnnxRuntimeChoice");

        Assert.NotEqual(0, exitCode);
        Assert.Contains(error, output, StringComparison.Ordinal);
    }

    [Fact]
    public void One_project_refers_to_ONNX_Runtime()
    {
        string[] projects = [.. Directory.EnumerateFiles(Repository.Root, "*.csproj", SearchOption.AllDirectories)
            .Where(project => Regex.IsMatch(File.ReadAllText(project), "Include=\"Microsoft\\.ML\\.OnnxRuntime(?!GenAI)"))];

        Assert.Equal("SjdOnnx.Runtime.csproj", Path.GetFileName(Assert.Single(projects)));
    }
}
