using System.Text;
using System.Text.Json;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Think;

/// <summary>A question whose answer is known.</summary>
/// <param name="Line">Its line in the file, from 1.</param>
internal sealed record AskedQuestion(int Line, string Question, string Answer);

/// <summary>Reads files of questions: a JSON object with "question" and "answer" on each line. Other members are ignored.</summary>
internal static class QuestionFile
{
    /// <exception cref="CommandException">The file cannot be read, a line is wrong, or there is no question.</exception>
    public static IReadOnlyList<AskedQuestion> Read(string path)
    {
        string text = ReadText(path);
        var questions = new List<AskedQuestion>();
        int number = 0;
        foreach (string line in text.Split('\n'))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
                continue;
            questions.Add(Parse(number, line) ?? throw Wrong(
                path, FormattableString.Invariant($"line {number} is not an object with \"question\" and \"answer\", both of them text")));
        }

        return questions.Count > 0 ? questions : throw Wrong(path, "it has no questions");
    }

    private static AskedQuestion? Parse(int number, string line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            return root.ValueKind == JsonValueKind.Object && Member("question") is string question && Member("answer") is string answer
                ? new AskedQuestion(number, question, answer)
                : null;

            string? Member(string name) =>
                root.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException) // the second for half of a surrogate pair
        {
            return null;
        }
    }

    private static string ReadText(string path)
    {
        try
        {
            using var reader = new StreamReader(path, new UTF8Encoding(false, throwOnInvalidBytes: true));
            return reader.ReadToEnd();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or DecoderFallbackException)
        {
            throw Wrong(path, error is DecoderFallbackException ? "it is not text in UTF-8" : InputFile.Reason(path, error), error);
        }
    }

    private static CommandException Wrong(string path, string reason, Exception? error = null) => new(
        ExitCode.Input, $"'{path}' cannot be used: {reason}. Give a file with a JSON object for each question on a line of its own.",
        error);
}
