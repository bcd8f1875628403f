using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Cli.Batch;

/// <summary>The image of --from: what its metadata say, as values of options.</summary>
/// <param name="Values">By name, with the prompt.</param>
/// <param name="Model">The model that drew it.</param>
internal sealed record SourceImage(string Path, IReadOnlyDictionary<string, string> Values, DrawnModel Model)
{
    /// <exception cref="CommandException">The file cannot be read, or has no generation data of this program.</exception>
    public static SourceImage Read(string path)
    {
        try
        {
            if (ImageFileInfo.Read(path).GenerationJson is not string json)
            {
                throw new CommandException(ExitCode.Input,
                    $"--from '{path}' has no generation data of sjd: it was written by another program, or with --no-metadata.");
            }

            GenerationData data = GenerationData.FromJson(json);
            return new SourceImage(path, ValuesOf(data), data.Model);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ImageFormatException or JsonException)
        {
            string reason = error switch
            {
                FileNotFoundException or DirectoryNotFoundException => "there is no such file",
                UnauthorizedAccessException => "permission denied, or it is a folder",
                JsonException => "its generation data are damaged",
                _ => error.Message.TrimEnd('.'),
            };
            throw new CommandException(ExitCode.Input, $"--from '{path}' cannot be read: {reason}.", error);
        }
    }

    private static Dictionary<string, string> ValuesOf(GenerationData data)
    {
        DrawnRequest request = data.Request;
        var values = new Dictionary<string, string>
        {
            [BatchInput.Prompt] = request.Prompt,
            [LineArguments.Seed] = Text(request.Seed),
            ["model"] = data.Model.Name,
            ["precision"] = data.Model.Precision,
            ["method"] = request.Method,
            ["window"] = Text(request.Window),
            ["init"] = request.Initialization,
            ["guidance"] = Text(request.Guidance),
            ["temperature"] = Text(request.Temperature),
            ["top-k"] = Text(request.TopK),
            ["top-p"] = Text(request.TopP),
            ["size"] = Text($"{request.Width}x{request.Height}"),
            ["no-clean"] = request.Cleaning is null ? "true" : "false",
        };
        if (request.NegativePrompt is string negative)
            values["negative"] = negative;
        foreach ((string name, JsonNode? value) in request.MethodOptions ?? [])
        {
            if (value is not null)
                values[name.Replace('_', '-')] = value.ToString();
        }

        return values;
    }

    private static string Text(FormattableString text) => FormattableString.Invariant(text);

    private static string Text(object value) => Convert.ToString(value, CultureInfo.InvariantCulture)!;
}
