using SjdOnnx.Cli.Batch;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Cli.Tests.Batch;

public sealed class LineReaderTests : IDisposable
{
    private readonly TextWriter _standardError = Console.Error;
    private readonly StringWriter _printed = new();

    public LineReaderTests() => Console.SetError(_printed);

    public void Dispose() => Console.SetError(_standardError);

    [Fact]
    public void Images_without_a_seed_of_their_own_count_from_that_of_the_command_line()
    {
        IReadOnlyList<BatchImage> images = Read(
            [Line(("prompt", "a")), Line(("prompt", "b"), ("seed", "7")), Line(("prompt", "c"))], given: [("seed", "100")]);

        Assert.Equal([100UL, 7, 102], images.Select(image => image.Request.Seed));
        Assert.Equal(["00000.png", "00001.png", "00002.png"], images.Select(image => image.Name));
    }

    [Fact]
    public void A_line_with_a_count_has_images_with_rising_seeds()
    {
        IReadOnlyList<BatchImage> images = Read(
            [Line(("prompt", "a"), ("count", "2"), ("id", "fox")), Line(("prompt", "b"), ("count", "2"), ("seed", "7"))]);

        Assert.Equal([0UL, 1, 7, 8], images.Select(image => image.Request.Seed));
        Assert.Equal(["00000-fox-0.png", "00001-fox-1.png", "00002.png", "00003.png"], images.Select(image => image.Name));
    }

    [Fact]
    public void A_line_wins_over_the_command_line()
    {
        IReadOnlyList<BatchImage> images = Read(
            [Line(("prompt", "a")), Line(("prompt", "b"), ("guidance", "5"), ("format", "png"), ("lossless", "false"))],
            given: [("guidance", "2"), ("format", "webp"), ("lossless", "true"), ("window", "8")]);

        Assert.Equal([2f, 5f], images.Select(image => image.Options.Drawing.Guidance));
        Assert.Equal([ImageFormat.WebP, ImageFormat.Png], images.Select(image => image.Options.Format));
        Assert.Equal([true, false], images.Select(image => image.Options.File.Lossless));
        Assert.All(images, image => Assert.Equal((WindowSize)8, image.Options.Drawing.Window));
    }

    [Fact]
    public void Options_of_the_command_lines_method_do_not_disturb_a_line_with_another_one()
    {
        IReadOnlyList<BatchImage> images = Read(
            [Line(("prompt", "a")), Line(("prompt", "b"), ("method", "mc"))], given: [("method", "gsd"), ("group-size", "9")]);

        Assert.Equal(9, Assert.IsType<GroupedAcceptance>(images[0].Options.Drawing.Method).GroupSize);
        Assert.IsType<MaximalCoupling>(images[1].Options.Drawing.Method);
    }

    [Fact]
    public void What_looks_like_an_option_in_a_value_is_part_of_the_value() =>
        Assert.Equal("--seed=3 -- \"x\"", Read([Line(("prompt", "--help"), ("negative", "--seed=3 -- \"x\""))])[0].Request.NegativePrompt);

    [Fact]
    public void Lines_change_the_settings_of_an_image()
    {
        var source = new SourceImage(
            "fox.png",
            Line(("prompt", "a fox"), ("seed", "5"), ("guidance", "2"), ("method", "gsd"), ("group-size", "9")),
            new DrawnModel("emoji", new string('0', 64), "int8"));

        IReadOnlyList<BatchImage> images = Read(
            [Line(), Line(("guidance", "4")), Line(("prompt", "a pig"), ("method", "mc"))], source: source);

        Assert.Equal(["a fox", "a fox", "a pig"], images.Select(image => image.Request.Prompt));
        Assert.Equal([5UL, 6, 7], images.Select(image => image.Request.Seed));
        Assert.Equal([2f, 4f, 2f], images.Select(image => image.Options.Drawing.Guidance));
        Assert.IsType<MaximalCoupling>(images[2].Options.Drawing.Method);
    }

    [Fact]
    public void A_template_makes_the_names()
    {
        IReadOnlyList<BatchImage> images = Read([Line(("prompt", "a"), ("id", "x"), ("seed", "12"))], template: "{id}_{seed}_{index}");

        Assert.Equal("x_12_00000.png", images[0].Name);
    }

    [Theory]
    [InlineData("it has no prompt.", "id", "x")]
    [InlineData("there is no option 'foo'; the names are prompt, id, seed,", "prompt", "a", "foo", "1")]
    [InlineData("--guidance is '-3'; it must be a number from 0 to 100.", "prompt", "a", "guidance", "-3")]
    [InlineData("lossless is '1'; it must be true or false.", "prompt", "a", "lossless", "1")]
    [InlineData("--quality is 5, and PNG files are lossless", "prompt", "a", "quality", "5")]
    [InlineData("id is 'a/b'; the name of a file cannot have the character '/'.", "prompt", "a", "id", "a/b")]
    [InlineData("id is '..'; a name must not begin with a period.", "prompt", "a", "id", "..")]
    [InlineData("its seed goes beyond the largest one", "prompt", "a", "seed", "18446744073709551615", "count", "2")]
    [InlineData("--group-size is an option of gsd; the method is mc.", "prompt", "a", "method", "mc", "group-size", "9")]
    [InlineData("--method is 'foo'; it must be one of", "prompt", "a", "method", "foo")]
    public void A_wrong_value_is_named_with_its_line(string because, params string[] values)
    {
        Dictionary<string, string> wrong = Line([.. values.Chunk(2).Select(pair => (pair[0], pair[1]))]);

        var error = Assert.Throws<CommandException>(() => Read([Line(("prompt", "fine")), wrong]));

        Assert.Equal(ExitCode.Input, error.ExitCode);
        Assert.StartsWith($"in.jsonl:2: {because}", _printed.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Two_images_of_one_name_are_refused_whatever_the_case_of_its_letters()
    {
        Assert.Throws<CommandException>(() => Read(
            [Line(("prompt", "a"), ("id", "Fox")), Line(("prompt", "b"), ("id", "fox"))], template: "{id}"));

        Assert.StartsWith("in.jsonl:2: its file would be 'fox.png', as that of line 1;", _printed.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_with_an_id_needs_one_on_every_line()
    {
        Assert.Throws<CommandException>(() => Read([Line(("prompt", "a"))], template: "{id}"));

        Assert.StartsWith("in.jsonl:1: it has no id, which --name '{id}' needs.", _printed.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_many_errors_twenty_are_printed_and_all_are_counted()
    {
        var error = Assert.Throws<CommandException>(() => Read([.. Enumerable.Repeat(Line(), 30)]));

        Assert.StartsWith("30 lines of 'in.jsonl' cannot be drawn", error.Message, StringComparison.Ordinal);
        Assert.Equal(21, _printed.ToString().TrimEnd().Split('\n').Length);
        Assert.EndsWith("and 10 more", _printed.ToString().TrimEnd(), StringComparison.Ordinal);
    }

    private static Dictionary<string, string> Line(params (string Name, string Value)[] values) =>
        values.ToDictionary(value => value.Name, value => value.Value);

    private static IReadOnlyList<BatchImage> Read(
        IReadOnlyList<Dictionary<string, string>> lines, (string Name, string Value)[]? given = null, SourceImage? source = null,
        string? template = null)
    {
        var errors = new LineErrors("in.jsonl");
        var arguments = new LineArguments(DecodingMethods.BuiltIn, new ModelArguments());
        IReadOnlyList<BatchImage> images = new LineReader(arguments, Line(given ?? []), source, new BatchNames(template), errors)
            .Read(lines.Select((values, i) => new InputLine(i + 1, values)));
        errors.ThrowIfAny();
        return images;
    }
}
