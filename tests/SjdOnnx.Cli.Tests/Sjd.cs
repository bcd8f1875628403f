using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests;

/// <summary>Runs the built program as its users do, in an empty folder.</summary>
internal sealed class Sjd : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    /// <summary>
    /// The program and its first argument: the tests' own build, or a published program that the environment variable SJD_PROGRAM names.
    /// </summary>
    private static readonly string[] Program = Environment.GetEnvironmentVariable("SJD_PROGRAM") is { Length: > 0 } published
        ? [published]
        : [Dotnet(), typeof(ExitCode).Assembly.Location];

    /// <summary>sjd as a function of a Unix shell.</summary>
    private static string Function => $"sjd() {{ '{string.Join("' '", Program)}' \"$@\"; }}";

    /// <summary>The working folder.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("sjdonnx-").FullName;

    /// <summary>A cache folder in the working folder for this test alone; null for the one that all tests share.</summary>
    public string? Cache { get; init; }

    /// <summary>The program and its first arguments.</summary>
    public IReadOnlyList<string> Command { get; init; } = Program;

    /// <summary>Environment variables of the program that differ from those of the tests.</summary>
    public Dictionary<string, string> Variables { get; } = [];

    /// <summary>Names of all files in the working folder, including hidden ones.</summary>
    public IEnumerable<string> Files => FilesOf("");

    public string PathOf(string name) => Path.Combine(Folder, name);

    public byte[] Read(string name) => File.ReadAllBytes(PathOf(name));

    /// <summary>SHA-256 of a file, in lower-case hexadecimal digits.</summary>
    public string HashOf(string name) => Convert.ToHexStringLower(SHA256.HashData(Read(name)));

    /// <summary>Names of all files in a folder below the working folder, including hidden ones.</summary>
    public IEnumerable<string> FilesOf(string folder) =>
        Directory.EnumerateFileSystemEntries(PathOf(folder)).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal);

    /// <summary>Generates with the test model.</summary>
    public Task<Finished> GenerateAsync(params string[] arguments) => RunAsync(["generate", "--model", TestModel.Folder!, .. arguments]);

    public async Task<Finished> RunAsync(params string[] arguments)
    {
        using Process process = Start(arguments);
        return await FinishAsync(process);
    }

    /// <summary>Starts the program without waiting for it; <see cref="FinishAsync"/> does.</summary>
    public Process Start(params string[] arguments)
    {
        // A shell that runs the tests in the background makes all of their processes ignore SIGINT, and nohup makes them ignore SIGHUP.
        string[] command = OperatingSystem.IsLinux() ? ["env", "--default-signal=INT,HUP", .. Command] : [.. Command];
        var start = new ProcessStartInfo(command[0], [.. command[1..], .. arguments])
        {
            WorkingDirectory = Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in Variables)
            start.Environment[name] = value;
        if (Cache is not null)
            start.Environment["SJDONNX_CACHE"] = Cache;
        return Process.Start(start)!;
    }

    /// <summary>Runs a line of a Unix shell in which sjd is the program.</summary>
    public async Task<Finished> ShellAsync(string line)
    {
        var start = new ProcessStartInfo("sh", ["-c", $"{Function}; {line}"])
        {
            WorkingDirectory = Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        return await FinishAsync(process);
    }

    /// <summary>Runs such a line in a terminal. Its standard output and error arrive together.</summary>
    public async Task<Finished> InTerminalAsync(string line)
    {
        await File.WriteAllTextAsync(PathOf("line.sh"), $"{Function}\n{line}\n");
        var start = new ProcessStartInfo("script", ["-qec", "sh line.sh", "/dev/null"])
        {
            WorkingDirectory = Folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        return await FinishAsync(process);
    }

    public static async Task<Finished> FinishAsync(Process process)
    {
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(limit.Token);
            Task<string> error = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return new Finished(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"sjd did not end within {Limit}.");
        }
    }

    /// <summary>What Ctrl+C sends.</summary>
    public static void Interrupt(Process process) => Signal(process, 2);

    public static void Signal(Process process, int signal) => Assert.Equal(0, Kill(process.Id, signal));

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    public static string Dotnet() =>
        Environment.ProcessPath is string host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet";

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);
}

/// <param name="Output">Standard output.</param>
/// <param name="Error">Standard error.</param>
internal sealed record Finished(int ExitCode, string Output, string Error)
{
    /// <summary>Asserts an exit code, one line on standard error that gives the reason, and nothing on standard output.</summary>
    public void AssertFailed(int exitCode, string because)
    {
        Assert.Equal((exitCode, ""), (ExitCode, Output));
        string sentence = Assert.Single(Error.TrimEnd('\n').Split('\n'));
        Assert.StartsWith("sjd: ", sentence, StringComparison.Ordinal);
        Assert.Contains(because, sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("Unexpected failure", sentence, StringComparison.Ordinal);
    }
}
