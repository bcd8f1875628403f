namespace SjdOnnx.Cli.Bench;

/// <summary>Prompts to draw: a line each.</summary>
internal static class PromptFile
{
    /// <summary>For want of others: things that a general model has seen, and the built-in one as well.</summary>
    public static IReadOnlyList<string> BuiltIn { get; } =
    [
        "a fox on a blue background",
        "a rocket above a cat on a black background",
        "four strawberries on a pink background",
        "a dog left of a butterfly on a green background",
        "a house on a white background",
        "a lemon above an octopus on a yellow background",
        "four clocks on a teal background",
        "a star left of a key on a purple background",
    ];

    /// <summary>The lines of a file that are not blank.</summary>
    /// <exception cref="CommandException">There is no such file, or nothing in it.</exception>
    public static IReadOnlyList<string> Read(string path)
    {
        string[] prompts;
        try
        {
            prompts = [.. File.ReadLines(path).Select(line => line.Trim()).Where(line => line.Length > 0)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            string reason = error switch
            {
                FileNotFoundException or DirectoryNotFoundException => "there is no such file",
                UnauthorizedAccessException when Directory.Exists(path) => "it is a folder",
                UnauthorizedAccessException => "permission denied",
                _ => error.Message.TrimEnd('.'),
            };
            throw new CommandException(ExitCode.Input,
                $"--prompts '{path}' cannot be read: {reason}; give a text file with a prompt on each line.", error);
        }

        return prompts.Length > 0
            ? prompts
            : throw new CommandException(ExitCode.Input, $"--prompts '{path}' has no prompt in it; it must have one on each line.");
    }
}
