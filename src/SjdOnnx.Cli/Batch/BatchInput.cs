using System.Globalization;
using System.Text;
using System.Text.Json;
using CsvHelper;
using CsvHelper.Configuration;
using SjdOnnx.Cli.Terminal;
using static System.FormattableString;

namespace SjdOnnx.Cli.Batch;

/// <summary>How the input of batch is written.</summary>
internal enum InputFormat
{
    /// <summary>A prompt on each line.</summary>
    Lines,

    /// <summary>A JSON object, or a prompt as a JSON string, on each line.</summary>
    JsonLines,

    /// <summary>Values with commas between; the first line names the columns.</summary>
    Csv,

    /// <summary>The same with tabs.</summary>
    Tsv,
}

/// <summary>A line of the input, not yet checked.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Values">By name: prompt, id and options, without dashes in front. Empty ones are left out.</param>
internal sealed record InputLine(int Number, IReadOnlyDictionary<string, string> Values);

/// <summary>Reads the lines of the input, and notes those that cannot be read.</summary>
/// <param name="errors">Where errors are noted.</param>
internal sealed class BatchInput(LineErrors errors)
{
    /// <summary>The name of the member or column that holds what the image shows.</summary>
    public const string Prompt = "prompt";

    /// <summary>The name of the member or column that names an image.</summary>
    public const string Id = "id";

    private static readonly JsonDocumentOptions JsonOptions = new() { AllowDuplicateProperties = false };

    /// <summary>The format that a file's extension names; for standard input and others, what the first character suggests.</summary>
    public static InputFormat FormatOf(string path, string text) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".jsonl" or ".ndjson" or ".json" => InputFormat.JsonLines,
        ".csv" => InputFormat.Csv,
        ".tsv" => InputFormat.Tsv,
        _ => text.AsSpan().TrimStart().StartsWith('{') ? InputFormat.JsonLines : InputFormat.Lines,
    };

    /// <summary>Reads a file, or standard input if its name is <c>-</c>.</summary>
    /// <exception cref="CommandException">It cannot be read, or is not text in UTF-8.</exception>
    public static string ReadText(string path)
    {
        try
        {
            using Stream stream = StandardStreams.IsInput(path) ? Console.OpenStandardInput() : File.OpenRead(path);
            using var reader = new StreamReader(stream, new UTF8Encoding(false, throwOnInvalidBytes: true));
            return reader.ReadToEnd();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or DecoderFallbackException)
        {
            string reason = error is DecoderFallbackException ? "it is not text in UTF-8" : InputFile.Reason(path, error);
            throw new CommandException(
                ExitCode.Input, $"'{path}' cannot be read: {reason}; give a file of prompts, JSON lines or comma-separated values.", error);
        }
    }

    public IReadOnlyList<InputLine> Read(string text, InputFormat format) => format switch
    {
        InputFormat.Csv => ReadTable(text, ","),
        InputFormat.Tsv => ReadTable(text, "\t"),
        _ => [.. Numbered(text).Select(line => format == InputFormat.Lines ? OfPrompt(line) : OfJson(line)).OfType<InputLine>()],
    };

    private static IEnumerable<(int Number, string Text)> Numbered(string text)
    {
        using var reader = new StringReader(text);
        for (int number = 1; reader.ReadLine() is string line; number++)
        {
            if (!string.IsNullOrWhiteSpace(line))
                yield return (number, line.Trim());
        }
    }

    private static InputLine OfPrompt((int Number, string Text) line) =>
        new(line.Number, new Dictionary<string, string> { [Prompt] = line.Text });

    private InputLine? OfJson((int Number, string Text) line)
    {
        try
        {
            JsonElement root = JsonElement.Parse(line.Text, JsonOptions);
            return root.ValueKind switch
            {
                JsonValueKind.String => OfPrompt((line.Number, root.GetString()!)),
                JsonValueKind.Object => OfObject(line.Number, root),
                _ => errors.Add(line.Number, "it is neither a JSON object nor a JSON string; write {\"prompt\": \"...\"}."),
            };
        }
        catch (JsonException error)
        {
            return errors.Add(line.Number, $"it is not JSON: {error.Message.Split(". ")[0].TrimEnd('.')}.");
        }
        catch (InvalidOperationException)
        {
            return errors.Add(line.Number, "a string has half a surrogate pair.");
        }
    }

    private InputLine? OfObject(int number, JsonElement root)
    {
        var values = new Dictionary<string, string>();
        foreach (JsonProperty member in root.EnumerateObject())
        {
            string? value = member.Value.ValueKind switch
            {
                JsonValueKind.String => member.Value.GetString()!,
                JsonValueKind.Number => member.Value.GetRawText(),
                JsonValueKind.True => "true",
                JsonValueKind.False => "false",
                JsonValueKind.Null => "",
                _ => null,
            };
            if (value is null)
                return errors.Add(number, $"{member.Name} is {member.Value.GetRawText()}; it must be a string, a number, true or false.");
            if (value.Length > 0)
                values[NameOf(member.Name)] = value;
        }

        return new InputLine(number, values);
    }

    private List<InputLine> ReadTable(string text, string delimiter)
    {
        int number = 1;
        var configuration = new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            Delimiter = delimiter,
            TrimOptions = TrimOptions.Trim,
            IgnoreBlankLines = false, // they count as lines
            BadDataFound = _ => errors.Add(number, "a quotation mark is not closed or not doubled; put the whole value in quotes."),
        };
        using var table = new CsvParser(new StringReader(text), configuration);
        var lines = new List<InputLine>();
        string[]? header = null;
        // A record with line breaks in quotes is named by its first line.
        for (int next = 1; table.Read(); next = table.RawRow + 1)
        {
            number = next;
            if (header is null)
            {
                header = [.. table.Record!.Select(NameOf)];
                if (!header.Contains(Prompt))
                    errors.Add(number, $"there is no column {Prompt}; the first line must name the columns.");
                if (header.GroupBy(name => name).FirstOrDefault(same => same.Count() > 1) is { } repeated)
                    errors.Add(number, $"two columns are called {repeated.Key}; give each column a name of its own.");
                if (errors.Any)
                    break;
            }
            else if (table.Record!.Length > header.Length)
            {
                errors.Add(number, Invariant(
                    $"it has {table.Record.Length} values for {header.Length} columns; put a value with the separator in it in quotes."));
            }
            else if (table.Record.Any(value => value.Length > 0))
            {
                lines.Add(new InputLine(number, header.Zip(table.Record).Where(cell => cell.Second.Length > 0)
                    .ToDictionary(cell => cell.First, cell => cell.Second)));
            }
        }

        return lines;
    }

    /// <summary>The options of generate have dashes; JSON and tables usually have underscores.</summary>
    private static string NameOf(string name) => name.Trim().Replace('_', '-');
}
