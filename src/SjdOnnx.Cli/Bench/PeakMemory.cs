using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace SjdOnnx.Cli.Bench;

/// <summary>What a process needs that draws with one cell and nothing else: this program itself, started once more.</summary>
internal sealed class PeakMemory(BenchOptions options, string folder)
{
    /// <summary>Draws a batch.</summary>
    /// <returns>The most resident memory of the process, in bytes; null where it could not draw or the system does not tell.</returns>
    /// <exception cref="OperationCanceledException">Cancelled; the process has ended.</exception>
    public async Task<long?> OfAsync(BenchCell cell, CancellationToken cancellation)
    {
        DirectoryInfo pictures = Directory.CreateTempSubdirectory("sjdonnx-");
        try
        {
            string? json = await RunAsync(Arguments(cell, Path.Combine(pictures.FullName, "picture.png")), cancellation);
            return json is not null && JsonElement.Parse(json).TryGetProperty("peak_memory", out JsonElement memory)
                && memory.ValueKind == JsonValueKind.Number ? memory.GetInt64() : null;
        }
        finally
        {
            pictures.Delete(recursive: true);
        }
    }

    private string[] Arguments(BenchCell cell, string output)
    {
        string[] drafts = cell.Initialisation is null ? [] : ["--window", cell.Window.ToString(), "--init", cell.Initialisation];
        string[] steps = cell.DenoisingSteps is int some ? ["--denoising-steps", Text(some)] : [];
        string[] size = options.Request.Size is { } pixels ? ["--size", pixels.ToString()] : [];
        return
        [
            "generate", "--json", "--no-metadata", "--model", folder, "--precision", cell.Precision, "--method", cell.Method,
            .. drafts, .. steps, .. size, "--provider", options.Loading.Provider, "--threads", Text(options.Loading.Threads), "--seed", "0",
            "--count", Text(cell.Batch), "--batch", Text(cell.Batch), "--output", output, "--", options.Prompts[0],
        ];
    }

    private static async Task<string?> RunAsync(string[] arguments, CancellationToken cancellation)
    {
        // Either the program has a host of its own, or the general one has been given the program's assembly.
        string host = Environment.ProcessPath!;
        string assembly = Path.Combine(AppContext.BaseDirectory, $"{typeof(PeakMemory).Assembly.GetName().Name}.dll");
        string[] program = Path.GetFileNameWithoutExtension(host) == "dotnet" ? [assembly] : [];
        using Process process = Process.Start(new ProcessStartInfo(host, [.. program, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(cancellation);
            Task error = process.StandardError.ReadToEndAsync(cancellation);
            await process.WaitForExitAsync(cancellation);
            await error;
            return process.ExitCode == ExitCode.Done ? await output : null;
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
            throw;
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
