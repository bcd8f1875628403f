using System.Globalization;
using Spectre.Console;

namespace SjdOnnx.Cli;

/// <summary>Tables as text: for a terminal within its width, for a file in Markdown.</summary>
internal static class TextTable
{
    private const int Unlimited = 1000;

    public static Table Of(params IEnumerable<(string Header, Justify Alignment)> columns)
    {
        var table = new Table();
        foreach ((string header, Justify alignment) in columns)
            table.AddColumn(new TableColumn(Markup.Escape(header)) { Alignment = alignment });
        return table;
    }

    public static void Add(Table table, params IEnumerable<string> cells) =>
        table.AddRow([.. cells.Select(cell => Markup.Escape(Printable.Text(cell)))]);

    /// <param name="width">Columns of the terminal; null for Markdown, a line for each row.</param>
    /// <returns>Lines with no space and no line break at the end.</returns>
    public static string Render(Table table, int? width)
    {
        table.Border = width is null ? TableBorder.Markdown : TableBorder.Simple;
        var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Out = new AnsiConsoleOutput(text),
        });
        console.Profile.Width = width ?? Unlimited;
        console.Write(table);
        return string.Join('\n', text.ToString().Split('\n').Select(line => line.TrimEnd())).Trim('\n');
    }
}
