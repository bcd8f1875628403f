using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Text;

namespace SjdOnnx.Cli.Terminal;

/// <summary>What --help prints: usage, options under headings, and notes.</summary>
/// <param name="rootNotes">The notes of the program itself.</param>
internal sealed class HelpPage(string rootNotes) : SynchronousCommandLineAction
{
    private const int MaxWidth = 110;
    private const int MinWidth = 40;
    private const int LabelWidth = 28;

    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        int width = Math.Clamp(Print.Width ?? MaxWidth, MinWidth, MaxWidth);
        parseResult.InvocationConfiguration.Output.Write(Of(parseResult.CommandResult, width));
        return ExitCode.Done;
    }

    /// <summary>The command's name as it is typed: <c>sjd models show</c>.</summary>
    public static string NameOf(CommandResult result) =>
        result.Parent is CommandResult parent ? $"{NameOf(parent)} {result.Command.Name}" : "sjd";

    private string Of(CommandResult result, int width)
    {
        Command command = result.Command;
        var page = new StringBuilder();
        Append(page, command.Description!, indent: 0, width);
        string commands = command.Subcommands.Count == 0 ? "" : command.Action is null ? " COMMAND" : " [COMMAND]";
        string arguments = string.Concat(command.Arguments.Select(argument =>
            argument.Arity.MinimumNumberOfValues == 0 ? $" [{argument.Name}]" : $" {argument.Name}"));
        page.Append("\nUsage: ").Append(NameOf(result)).Append(commands).Append(arguments).Append(" [options]\n");

        Append(page, "Arguments", command.Arguments.Select(argument => (argument.Name, argument.Description!)), width);
        Append(page, "Commands", command.Subcommands.Select(each => (each.Name, each.Description!)), width);
        (var groups, string notes) = command is SjdCommand sjd ? (sjd.Groups, sjd.Notes) : ([("Options", [.. command.Options])], rootNotes);
        foreach ((string heading, IReadOnlyList<Option> options) in groups)
            Append(page, heading, options.Where(option => !option.Hidden).Select(option => (LabelOf(option), option.Description!)), width);
        return page.Append('\n').Append(notes).Append("\n\n").Append(ExitCode.Table).Append('\n').ToString();
    }

    private static string LabelOf(Option option)
    {
        string names = string.Join(", ", option.Aliases.Append(option.Name).Where(name => name.StartsWith('-')));
        return option.HelpName is null ? names : $"{names} <{option.HelpName}>";
    }

    private static void Append(StringBuilder page, string heading, IEnumerable<(string Label, string Text)> rows, int width)
    {
        (string Label, string Text)[] all = [.. rows];
        if (all.Length == 0)
            return;

        page.Append('\n').Append(heading).Append(":\n");
        foreach ((string label, string text) in all)
        {
            string start = $"  {label}";
            page.Append(start.Length < LabelWidth ? start.PadRight(LabelWidth) : $"{start}\n{"",LabelWidth}");
            Append(page, text, LabelWidth, width);
        }
    }

    /// <summary>Appends text that begins at the column <paramref name="indent"/> and is broken between words.</summary>
    private static void Append(StringBuilder page, string text, int indent, int width)
    {
        int column = indent;
        foreach (string word in text.Split(' '))
        {
            if (column > indent && column + 1 + word.Length > width)
            {
                page.Append('\n').Append(' ', indent);
                column = indent;
            }
            else if (column > indent)
            {
                page.Append(' ');
                column++;
            }

            page.Append(word);
            column += word.Length;
        }

        page.Append('\n');
    }
}
