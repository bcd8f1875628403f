using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Runtime.Png;

namespace SjdOnnx.Cli;

/// <summary>What <c>sjd inspect</c> does: read the texts of a PNG and print those about its making.</summary>
internal static class Inspection
{
    /// <summary>No picture is larger; a file that is would only fill the memory.</summary>
    private const long LargestFile = 1L << 30;

    /// <returns>The exit code.</returns>
    /// <exception cref="CommandException">The file cannot be read, is no whole PNG, or has no generation data.</exception>
    public static int Run(string path, bool json)
    {
        byte[] png = Read(path);
        InspectReport report = Describe(path, png);
        if (report.Parameters is null && report.Sjdonnx is null)
        {
            throw new CommandException(ExitCode.Input,
                $"'{path}' has no generation data: it was written by another program, or with --no-metadata.");
        }

        if (json)
            Print.Data(JsonSerializer.Serialize(report, InspectReportJson.Default.InspectReport));
        else if (report.Sjdonnx is JsonElement data)
            PrintMembers(data, indent: "");
        else
            Print.Data(Printable.Text(report.Parameters!, keep: "\n\t"));
        return ExitCode.Done;
    }

    private static byte[] Read(string path)
    {
        if (Directory.Exists(path))
            throw new CommandException(ExitCode.Input, $"'{path}' is a folder; give the name of a PNG file.");

        try
        {
            using FileStream file = File.OpenRead(path);
            if (file.CanSeek && file.Length > LargestFile)
                throw new CommandException(ExitCode.Input, $"'{path}' is too large for a picture: it has {file.Length} bytes.");

            using var bytes = new MemoryStream();
            file.CopyTo(bytes);
            return bytes.ToArray();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            string reason = error switch
            {
                FileNotFoundException or DirectoryNotFoundException => "there is no such file",
                UnauthorizedAccessException => "permission denied",
                _ => error.Message.TrimEnd('.'),
            };
            throw new CommandException(ExitCode.Input, $"'{path}' cannot be read: {reason}.", error);
        }
    }

    private static InspectReport Describe(string path, byte[] png)
    {
        try
        {
            IReadOnlyList<PngText> texts = PngText.ReadAll(png);
            (int width, int height) = PngText.ReadSize(png);
            string? text = texts.FirstOrDefault(text => text.Keyword == GenerationData.Keyword)?.Text;
            JsonElement? data = text is null ? null : JsonElement.Parse(text);
            if (data is { ValueKind: not JsonValueKind.Object })
                throw new CommandException(ExitCode.Input, $"'{path}' cannot be read: its text {GenerationData.Keyword} is no JSON object.");
            return new InspectReport(path, width, height, texts.FirstOrDefault(text => text.Keyword == ParametersText.Keyword)?.Text, data);
        }
        catch (PngFormatException error)
        {
            throw new CommandException(ExitCode.Input, $"'{path}' cannot be read: {error.Message}", error);
        }
        catch (JsonException error)
        {
            throw new CommandException(ExitCode.Input, $"'{path}' cannot be read: its text {GenerationData.Keyword} is no JSON.", error);
        }
    }

    /// <summary>Whatever members there are, so that a picture of a later version can be read, too.</summary>
    private static void PrintMembers(JsonElement data, string indent)
    {
        foreach (JsonProperty member in data.EnumerateObject())
        {
            string name = indent + member.Name.Replace('_', ' ');
            if (member.Value.ValueKind == JsonValueKind.Object)
            {
                Print.Data($"{Printable.Text(name)}:");
                PrintMembers(member.Value, indent + "  ");
            }
            else
            {
                Print.Data(Printable.Text($"{name}: {member.Value}"));
            }
        }
    }
}

/// <summary>What inspect --json prints.</summary>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Parameters">The text that other programs write and read.</param>
/// <param name="Sjdonnx">The JSON of <see cref="GenerationData"/>.</param>
internal sealed record InspectReport(string File, int Width, int Height, string? Parameters, JsonElement? Sjdonnx);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(InspectReport))]
internal sealed partial class InspectReportJson : JsonSerializerContext;
