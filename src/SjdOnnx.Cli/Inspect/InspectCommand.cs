using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Cli.Inspect;

/// <summary><c>sjd inspect</c>: reads from an image file how the image was drawn, and prints it.</summary>
internal sealed class InspectCommand : SjdCommand
{
    private readonly Argument<string> _file = new("FILE")
    {
        Description = "A PNG, JPEG or WebP file that sjd or a similar program wrote; - is standard input",
    };

    private readonly Option<bool> _json = CheckedOption.Flag("--json", "Print one JSON object");

    public InspectCommand()
        : base("inspect", "Prints how an image was drawn.")
    {
        _file.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: "" }])
                result.AddError("FILE is empty; it must be the name of an image file.");
        });
        Arguments.Add(_file);
        Add("Options", _json);
        SetAction(parsed => Run(parsed.GetRequiredValue(_file), parsed.GetValue(_json)));
    }

    public override string Notes => """
        Results:
          Prompt, seed, options, model and statistics, one a line. For an image of another program, its text
          "parameters". With --json an object with file, format, width and height in pixels, parameters and sjdonnx;
          the last two are null if the file does not have them.
        """;

    public override string ComplaintAbout(string word) => $"'{word}' is one file too many; inspect reads one.";

    /// <returns>The exit code.</returns>
    /// <exception cref="CommandException">The file cannot be read, is not a whole image, or has no generation data.</exception>
    private static int Run(string path, bool json)
    {
        ImageFileInfo file = Read(path);
        if (file is { Parameters: null, GenerationJson: null })
        {
            throw new CommandException(ExitCode.Input,
                $"'{path}' has no generation data: it was written by another program, or with --no-metadata.");
        }

        JsonElement? data = file.GenerationJson is string text ? Parse(path, text) : null;
        if (json)
        {
            var report = new InspectReport(path, file.Format.ToString().ToLowerInvariant(), file.Width, file.Height, file.Parameters, data);
            Print.Data(JsonSerializer.Serialize(report, InspectReportJson.Default.InspectReport));
        }
        else if (data is JsonElement members)
        {
            PrintMembers(members, indent: "");
        }
        else
        {
            Print.Data(Printable.Text(file.Parameters!, keep: "\n\t"));
        }

        return ExitCode.Done;
    }

    private static ImageFileInfo Read(string path)
    {
        if (StandardStreams.IsInput(path))
        {
            using Stream input = Console.OpenStandardInput();
            return Read("standard input", () => ImageFileInfo.Read(input));
        }

        return Directory.Exists(path)
            ? throw new CommandException(ExitCode.Input, $"'{path}' is a folder; give the name of an image file.")
            : Read($"'{path}'", () => ImageFileInfo.Read(path));
    }

    /// <param name="name">The file's name, for the message.</param>
    /// <param name="read">Reads the file.</param>
    private static ImageFileInfo Read(string name, Func<ImageFileInfo> read)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ImageFormatException)
        {
            string reason = error switch
            {
                FileNotFoundException or DirectoryNotFoundException => "there is no such file",
                UnauthorizedAccessException => "permission denied",
                _ => error.Message.TrimEnd('.'),
            };
            throw new CommandException(ExitCode.Input, $"{name} cannot be read: {reason}.", error);
        }
    }

    private static JsonElement Parse(string path, string text)
    {
        try
        {
            JsonElement data = JsonElement.Parse(text);
            if (data.ValueKind != JsonValueKind.Object)
                throw Unreadable($"its {GenerationData.Keyword} data is not a JSON object");
            CheckStrings(data);
            return data;
        }
        catch (JsonException error)
        {
            throw Unreadable($"its {GenerationData.Keyword} data is not JSON", error);
        }
        catch (InvalidOperationException error)
        {
            throw Unreadable($"a string of its {GenerationData.Keyword} data has half a surrogate pair", error);
        }

        CommandException Unreadable(string why, Exception? error = null) =>
            new(ExitCode.Input, $"'{path}' cannot be read: {why}.", error);
    }

    /// <summary>Escapes such as \ud800 are legal JSON. Whether they form whole characters shows only when a string is read.</summary>
    /// <exception cref="InvalidOperationException">A name or a string has half a surrogate pair.</exception>
    private static void CheckStrings(JsonElement data)
    {
        switch (data.ValueKind)
        {
            case JsonValueKind.String:
                _ = data.GetString();
                break;
            case JsonValueKind.Array:
                foreach (JsonElement item in data.EnumerateArray())
                    CheckStrings(item);
                break;
            case JsonValueKind.Object:
                foreach (JsonProperty member in data.EnumerateObject())
                {
                    _ = member.Name;
                    CheckStrings(member.Value);
                }

                break;
        }
    }

    /// <summary>Prints all members, also unknown ones, so that files of later versions can be read.</summary>
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
/// <param name="File">The name on the command line.</param>
/// <param name="Format">png, jpeg or webp.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Parameters">The text that other programs write and read; null if there is none.</param>
/// <param name="Sjdonnx">The JSON of <see cref="GenerationData"/>; null if there is none.</param>
internal sealed record InspectReport(string File, string Format, int Width, int Height, string? Parameters, JsonElement? Sjdonnx);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(InspectReport))]
internal sealed partial class InspectReportJson : JsonSerializerContext;
