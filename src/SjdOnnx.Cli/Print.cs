namespace SjdOnnx.Cli;

/// <summary>The two streams: data for programs, notes for people.</summary>
internal static class Print
{
    /// <summary>A line on standard output. A reader that has gone away is no failure: .NET writes into a broken pipe in silence.</summary>
    /// <exception cref="CommandException">Standard output takes nothing more, as on a full disk.</exception>
    public static void Data(string line) => ToOutput(() => Console.Out.WriteLine(line));

    /// <summary>A file on standard output; the rest is as with <see cref="Data"/>.</summary>
    public static void File(byte[] bytes) => ToOutput(() =>
    {
        using Stream output = Console.OpenStandardOutput();
        output.Write(bytes);
    });

    /// <summary>A line on standard error, whose loss is no reason to stop.</summary>
    public static void Note(string line)
    {
        try
        {
            Console.Error.WriteLine(Printable.Text(line));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
        }
    }

    private static void ToOutput(Action write)
    {
        try
        {
            write();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Output, $"Standard output cannot be written: {error.Message.TrimEnd('.')}.", error);
        }
    }
}
