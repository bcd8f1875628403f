using System.Runtime.InteropServices;

namespace SjdOnnx.Packages.Tests;

[Collection(nameof(PackedRepository))]
public class PackageTests(PackedRepository packed)
{
    private readonly Shell _shell = packed.Shell;

    [Fact]
    public async Task A_new_console_program_runs_the_readme_with_the_packages_that_it_names()
    {
        string commands = Repository.ReadmeBlock("bash", after: "## In an application");
        string[] added = [.. commands.Split('\n').Where(line => line.StartsWith("dotnet add package ", StringComparison.Ordinal))];
        Assert.NotEmpty(added);
        await NewProgramAsync("readme", Repository.ReadmeBlock("csharp", after: "## In an application"));
        foreach (string line in added)
            await _shell.RunAsync("readme", "dotnet", [.. line.Split('#')[0].Trim().Split(' ')[1..]]);
        CopyBuiltInModel("readme/onnx-models/emoji");

        await _shell.RunAsync("readme", "dotnet", "run");

        byte[] image = await File.ReadAllBytesAsync(_shell.PathOf("readme/strawberries.png"));
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], image[..4]);
    }

    [Fact]
    public async Task A_new_host_draws_through_the_extension_packages()
    {
        await NewProgramAsync("host", """
            #pragma warning disable MEAI001 // IImageGenerator is experimental
            using Microsoft.Extensions.AI;
            using Microsoft.Extensions.DependencyInjection;
            using Microsoft.Extensions.Hosting;
            using SjdOnnx.Extensions.AI;
            using SjdOnnx.Extensions.Hosting;
            using SjdOnnx.Runtime;

            HostApplicationBuilder builder = Host.CreateApplicationBuilder(args);
            builder.Services.AddSjdOnnx(options => options.Model = "onnx-models/emoji");
            builder.Services.AddSingleton(services => services.GetRequiredService<TextToImage>().AsImageGenerator());
            using IHost host = builder.Build();
            await host.StartAsync();
            IImageGenerator generator = host.Services.GetRequiredService<IImageGenerator>();
            ImageGenerationResponse response = await generator.GenerateAsync(new ImageGenerationRequest("a fox on a blue background"));
            Console.WriteLine($"drew {((DataContent)response.Contents[0]).MediaType}");
            await host.StopAsync();
            """);
        foreach (string package in (string[])
            ["SjdOnnx.Extensions.AI", "SjdOnnx.Extensions.Hosting", "Microsoft.ML.OnnxRuntime", "Microsoft.Extensions.Hosting"])
            await AddAsync("host", package);
        CopyBuiltInModel("host/onnx-models/emoji");

        string output = await _shell.RunAsync("host", "dotnet", "run");

        Assert.Contains("drew image/png", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_new_web_application_serves_models_through_the_server_package()
    {
        await _shell.RunAsync("web", "dotnet", "new", "web");
        await File.WriteAllTextAsync(_shell.PathOf("web/Program.cs"), """
            using System.Net.Http.Json;
            using SjdOnnx.Extensions.Hosting;
            using SjdOnnx.Server;

            WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
            builder.Services.AddSjdOnnxServer(server => server.Models["emoji"] = new SjdOnnxOptions { Model = "onnx-models/emoji" });
            await using WebApplication app = builder.Build();
            app.MapSjdOnnx();
            await app.StartAsync();
            using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
            using HttpResponseMessage answer = await client.PostAsJsonAsync("/v1/images/generations", new { prompt = "a fox" });
            Console.WriteLine($"drew: {answer.StatusCode}");
            await app.StopAsync();
            """);
        foreach (string package in (string[])["SjdOnnx.Server", "Microsoft.ML.OnnxRuntime"])
            await AddAsync("web", package);
        CopyBuiltInModel("web/onnx-models/emoji");

        string output = await _shell.RunAsync("web", "dotnet", "run", "--no-launch-profile", "--urls", "http://127.0.0.1:0");

        Assert.Contains("drew: OK", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_tool_draws_with_its_own_model_and_native_library()
    {
        await _shell.RunAsync(
            "tool", "dotnet", "tool", "install", "SjdOnnx.Cli", "--version", PackedRepository.Version, "--tool-path", "bin");

        await _shell.RunAsync("tool", Path.Combine(_shell.PathOf("tool/bin"), "sjd"), "generate", "a fox", "-o", "fox.png");

        Assert.True(File.Exists(_shell.PathOf("tool/fox.png")));
        Assert.Single(NativeLibraries(_shell.PathOf("tool/bin")));
    }

    [Fact]
    public async Task A_program_without_a_native_library_does_not_build_and_is_told_which_package_to_add()
    {
        await NewProgramAsync("none", "SjdOnnx.Runtime.WindowSize.Auto.ToString();");
        await AddAsync("none", "SjdOnnx.Runtime");

        (int exitCode, string output) = await _shell.TryAsync("none", "dotnet", "build");

        Assert.NotEqual(0, exitCode);
        Assert.Contains("error SJD0003", output, StringComparison.Ordinal);
        Assert.Contains("add the package Microsoft.ML.OnnxRuntime", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_with_two_native_libraries_does_not_build_and_is_told_which_packages_bring_them()
    {
        await NewProgramAsync("two", "SjdOnnx.Runtime.WindowSize.Auto.ToString();");
        await AddAsync("two", "SjdOnnx.Runtime");
        await AddAsync("two", "Microsoft.ML.OnnxRuntime");
        await AddAsync("two", await PackNativeLibraryAsync("Another.OnnxRuntime"));

        (int exitCode, string output) = await _shell.TryAsync("two", "dotnet", "build");

        Assert.NotEqual(0, exitCode);
        string error = output.Split('\n').First(line => line.Contains("error SJD0004", StringComparison.Ordinal));
        Assert.Contains("Microsoft.ML.OnnxRuntime", error, StringComparison.Ordinal);
        Assert.Contains("Another.OnnxRuntime", error, StringComparison.Ordinal);
    }

    private async Task NewProgramAsync(string folder, string code)
    {
        await _shell.RunAsync(folder, "dotnet", "new", "console");
        await File.WriteAllTextAsync(_shell.PathOf($"{folder}/Program.cs"), code);
    }

    private Task<string> AddAsync(string folder, string package) => _shell.RunAsync(folder, "dotnet", "add", "package", package);

    /// <summary>A package that brings a file of the native library's name for this platform.</summary>
    private async Task<string> PackNativeLibraryAsync(string name)
    {
        string file = OperatingSystem.IsWindows() ? "onnxruntime.dll"
            : OperatingSystem.IsMacOS() ? "libonnxruntime.dylib"
            : "libonnxruntime.so";
        Directory.CreateDirectory(_shell.PathOf(name));
        await File.WriteAllTextAsync(_shell.PathOf($"{name}/{file}"), "");
        await File.WriteAllTextAsync(_shell.PathOf($"{name}/{name}.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
              </PropertyGroup>
              <ItemGroup>
                <None Include="{file}" Pack="true" PackagePath="runtimes/{RuntimeInformation.RuntimeIdentifier}/native" />
              </ItemGroup>
            </Project>
            """);
        await _shell.RunAsync(name, "dotnet", "pack", "--output", packed.Feed);
        return name;
    }

    private void CopyBuiltInModel(string folder)
    {
        Directory.CreateDirectory(_shell.PathOf(folder));
        foreach (string file in Directory.EnumerateFiles(Repository.PathOf("onnx-models/emoji")))
            File.Copy(file, Path.Combine(_shell.PathOf(folder), Path.GetFileName(file)));
    }

    internal static IEnumerable<string> NativeLibraries(string folder) =>
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(file => Path.GetFileName(file) is "onnxruntime.dll" or "libonnxruntime.so" or "libonnxruntime.dylib");
}
