using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Terminal;

/// <summary>The two output streams: data for programs, and notes for people.</summary>
internal static class Print
{
    private const int UsualWidth = 80;

    /// <summary>Columns of the terminal that standard output goes to; null if it goes to a file or a program.</summary>
    public static int? Width => Console.IsOutputRedirected ? null : WidthOf(Console.WindowWidth);

    /// <summary>A terminal that has no size, as in many containers and in CI, reports 0 columns.</summary>
    public static int WidthOf(int reported) => reported > 0 ? reported : UsualWidth;

    /// <summary>Prints a line to standard output. A reader that has gone away is no failure: .NET ignores broken pipes.</summary>
    /// <exception cref="CommandException">Standard output cannot be written, as on a full disk.</exception>
    public static void Data(string line) => ToOutput(() => Console.Out.WriteLine(line));

    /// <summary>Prints the name of a file: unchanged for a program, and safe to show for a terminal.</summary>
    /// <exception cref="CommandException">Standard output cannot be written.</exception>
    public static void FileName(string name) => Data(Console.IsOutputRedirected ? name : Printable.Text(name));

    /// <summary>Writes a file to standard output.</summary>
    /// <exception cref="CommandException">Standard output cannot be written.</exception>
    public static void File(byte[] bytes) => ToOutput(() =>
    {
        using Stream output = Console.OpenStandardOutput();
        output.Write(bytes);
    });

    /// <summary>Prints a line to standard error. If that fails, the command goes on.</summary>
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

    /// <summary>Prints the notice about a model's license, unless it has been shown before.</summary>
    public static void License(IModelDescription model)
    {
        if (LicenseNotice.Take(model) is string notice)
            Note(notice);
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
