using SjdOnnx.Cli.Batch;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests.Batch;

public sealed class BatchInputTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sjdonnx-").FullName;
    private readonly TextWriter _standardError = Console.Error;

    public void Dispose()
    {
        Console.SetError(_standardError);
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Plain_lines_are_prompts_and_empty_ones_are_skipped()
    {
        IReadOnlyList<InputLine> lines = Read("a fox\n\n  four pigs \r\n\"quoted\"", InputFormat.Lines);

        Assert.Equal([(1, "a fox"), (3, "four pigs"), (4, "\"quoted\"")], lines.Select(line => (line.Number, line.Values["prompt"])));
    }

    [Fact]
    public void JSON_lines_are_objects_or_prompts()
    {
        IReadOnlyList<InputLine> lines = Read(
            """
            {"prompt": "a fox", "top_k": 100, "guidance": 2.5, "lossless": true, "negative": null, "id": "fox"}

            "a pig"
            """, InputFormat.JsonLines);

        Assert.Equal([1, 3], lines.Select(line => line.Number));
        Assert.Equal(
            new Dictionary<string, string>
            {
                ["prompt"] = "a fox",
                ["top-k"] = "100",
                ["guidance"] = "2.5",
                ["lossless"] = "true",
                ["id"] = "fox",
            },
            lines[0].Values);
        Assert.Equal("a pig", lines[1].Values["prompt"]);
    }

    [Fact]
    public void A_table_names_its_columns_and_counts_lines_within_quotes()
    {
        IReadOnlyList<InputLine> lines = Read(
            "prompt,top_k,id\r\n\"a fox\nand a pig\",,one\r\n\r\n\"four, \"\"red\"\" pigs\",3,\r\n", InputFormat.Csv);

        Assert.Equal([2, 5], lines.Select(line => line.Number));
        Assert.Equal(new Dictionary<string, string> { ["prompt"] = "a fox\nand a pig", ["id"] = "one" }, lines[0].Values);
        Assert.Equal(new Dictionary<string, string> { ["prompt"] = "four, \"red\" pigs", ["top-k"] = "3" }, lines[1].Values);
    }

    [Fact]
    public void A_table_can_have_tabs() =>
        Assert.Equal("one, two", Assert.Single(Read("id\tprompt\nx\tone, two\n", InputFormat.Tsv)).Values["prompt"]);

    [Theory]
    [InlineData("jsonl", "{\"prompt\": \"a\"}\nnope", 2, "it is not JSON")]
    [InlineData("jsonl", "[1]", 1, "neither a JSON object nor a JSON string")]
    [InlineData("jsonl", "{\"prompt\": [1]}", 1, "prompt is [1]; it must be a string, a number, true or false")]
    [InlineData("jsonl", "{\"seed\": 1, \"seed\": 2}", 1, "it is not JSON")]
    [InlineData("jsonl", "{\"prompt\": \"\\ud800\"}", 1, "half a surrogate pair")]
    [InlineData("csv", "text\na fox", 1, "no column prompt")]
    [InlineData("csv", "prompt,id,id\na fox", 1, "two columns are called id")]
    [InlineData("csv", "prompt,id\na fox,1\nb,2,3", 3, "3 values for 2 columns")]
    [InlineData("csv", "prompt,id\na,1\n\"never closed,2\nc,3\n", 3, "quotation mark")]
    [InlineData("csv", "prompt,id\na \"big\" fox,1\n", 2, "quotation mark")]
    public void A_line_that_cannot_be_read_is_named_with_its_number(string format, string text, int line, string because)
    {
        var printed = new StringWriter();
        Console.SetError(printed);
        var errors = new LineErrors("in.txt");

        new BatchInput(errors).Read(text, format == "csv" ? InputFormat.Csv : InputFormat.JsonLines);

        var error = Assert.Throws<CommandException>(errors.ThrowIfAny);
        Assert.Equal(ExitCode.Input, error.ExitCode);
        Assert.StartsWith("1 line of 'in.txt' cannot be drawn, so nothing was drawn;", error.Message, StringComparison.Ordinal);
        Assert.StartsWith($"in.txt:{line}: ", printed.ToString(), StringComparison.Ordinal);
        Assert.Contains(because, printed.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a.jsonl", "", nameof(InputFormat.JsonLines))]
    [InlineData("a.NDJSON", "", nameof(InputFormat.JsonLines))]
    [InlineData("a.csv", "{", nameof(InputFormat.Csv))]
    [InlineData("a.tsv", "", nameof(InputFormat.Tsv))]
    [InlineData("a.txt", "a fox", nameof(InputFormat.Lines))]
    [InlineData("-", " {\"prompt\": 1}", nameof(InputFormat.JsonLines))]
    public void The_name_or_the_first_character_says_the_format(string path, string text, string format) =>
        Assert.Equal(format, BatchInput.FormatOf(path, text).ToString());

    [Fact]
    public void A_byte_order_mark_is_no_part_of_the_text()
    {
        string path = Path.Combine(_folder, "bom.txt");
        File.WriteAllBytes(path, [0xEF, 0xBB, 0xBF, (byte)'a']);

        Assert.Equal("a", BatchInput.ReadText(path));
    }

    [Fact]
    public void A_file_that_is_not_UTF8_is_refused()
    {
        string path = Path.Combine(_folder, "latin.txt");
        File.WriteAllBytes(path, [(byte)'a', 0xE9, (byte)'b']);

        var error = Assert.Throws<CommandException>(() => BatchInput.ReadText(path));

        Assert.Equal(ExitCode.Input, error.ExitCode);
        Assert.Contains("it is not text in UTF-8", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_and_a_folder_are_refused()
    {
        Assert.Contains("there is no such file", Assert.Throws<CommandException>(() => BatchInput.ReadText(Path.Combine(_folder, "none")))
            .Message, StringComparison.Ordinal);
        Assert.Contains("it is a folder", Assert.Throws<CommandException>(() => BatchInput.ReadText(_folder)).Message,
            StringComparison.Ordinal);
    }

    private static IReadOnlyList<InputLine> Read(string text, InputFormat format)
    {
        var errors = new LineErrors("in.txt");
        IReadOnlyList<InputLine> lines = new BatchInput(errors).Read(text, format);
        errors.ThrowIfAny();
        return lines;
    }
}
