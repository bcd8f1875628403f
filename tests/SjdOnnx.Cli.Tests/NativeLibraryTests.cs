using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests;

/// <summary>A copy of the program beside which ONNX Runtime's native library is missing.</summary>
public sealed class NativeLibraryTests : IDisposable
{
    private readonly string _program = Directory.CreateTempSubdirectory("sjdonnx-").FullName;
    private readonly Sjd _sjd;

    public NativeLibraryTests()
    {
        string built = Path.GetDirectoryName(typeof(ExitCode).Assembly.Location)!;
        foreach (string file in Directory.EnumerateFiles(built, "*.dll").Where(
            static path => Path.GetFileName(path) != "onnxruntime.dll").Append(Path.Combine(built, "sjd.runtimeconfig.json")))
        {
            File.Copy(file, Path.Combine(_program, Path.GetFileName(file)));
        }

        _sjd = new Sjd { Command = [Sjd.Dotnet(), Path.Combine(_program, "sjd.dll")] };
    }

    public void Dispose()
    {
        _sjd.Dispose();
        Directory.Delete(_program, recursive: true);
    }

    [ModelTheory]
    [InlineData("emoji", "generate", "a fox", "-o", "fox.png")]
    [InlineData("shapes", "flow", "-o", "shapes.png")]
    [InlineData("sums", "think", "3+5")]
    [InlineData("reach", "act", "--episodes", "1")]
    public async Task Every_kind_of_model_tells_which_package_to_add(string model, params string[] arguments)
    {
        Finished finished = await _sjd.RunAsync([.. arguments, "--model", TestModel.InRepository(model)!]);

        finished.AssertFailed(ExitCode.Provider, "ONNX Runtime's native library cannot be loaded: it should be beside the application in ");
        Assert.Contains("Add the package Microsoft.ML.OnnxRuntime to the application's project.", finished.Error, StringComparison.Ordinal);
        Assert.Empty(_sjd.Files);
    }
}
