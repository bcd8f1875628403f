using System.Globalization;
using Spectre.Console;

namespace SjdOnnx.Cli.Terminal;

/// <param name="Header">The heading.</param>
/// <param name="IsNumber">Whether the column holds numbers, which are aligned to the right.</param>
internal sealed record Column(string Header, bool IsNumber = false);

/// <summary>
/// A table as text: Markdown for a file, aligned columns for a terminal, and a list of names and values for a terminal that is too narrow.
/// </summary>
internal sealed class TextTable(params IReadOnlyList<Column> columns)
{
    private const int Unlimited = 1000;

    private readonly List<IReadOnlyList<string>> _rows = [];

    public IReadOnlyList<Column> Columns => columns;

    public IReadOnlyList<IReadOnlyList<string>> Rows => _rows;

    public void Add(params IEnumerable<string> cells) => _rows.Add([.. cells.Select(cell => Printable.Text(cell))]);

    /// <summary>Lines without spaces at their ends; the last has no line break.</summary>
    /// <param name="width">Columns of the terminal; null for Markdown, which has a line for each row.</param>
    public string ToText(int? width)
    {
        if (width < MinWidth())
            return string.Join("\n\n", _rows.Select(AsList));

        var table = new Table { Border = width is null ? TableBorder.Markdown : TableBorder.Simple };
        foreach (Column column in columns)
            table.AddColumn(new TableColumn(Markup.Escape(column.Header)) { Alignment = column.IsNumber ? Justify.Right : Justify.Left });
        foreach (IReadOnlyList<string> row in _rows)
            table.AddRow([.. row.Select(Markup.Escape)]);

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

    private string AsList(IReadOnlyList<string> row) =>
        string.Join('\n', columns.Zip(row, (column, cell) => $"{column.Header}: {cell}"));

    /// <summary>Columns of a terminal in which no word has to be cut.</summary>
    private int MinWidth()
    {
        const int Gap = 3; // two spaces and a border
        return 1 + columns.Select((column, i) => _rows.Select(row => row[i]).Append(column.Header).Max(LongestWord) + Gap).Sum();

        static int LongestWord(string cell) => cell.Split(' ').Max(word => word.Length);
    }
}
