using System.CommandLine;
using SjdOnnx.Cli.Bench;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Tests;

/// <summary>Arguments that are wrong by themselves are refused before a model is looked for.</summary>
public class CommandLineTests
{
    [Theory]
    [InlineData("no command", "Required command was not provided. See sjd --help.")]
    [InlineData("no prompt", "Required argument 'PROMPT' missing for command: 'generate'.", "generate")]
    [InlineData("a prompt without quotes", "'fox' is one word too many; put the whole prompt in quotes. See sjd generate --help.",
        "generate", "a", "fox")]
    [InlineData("an unknown option", "There is no option '--jsn'", "generate", "--jsn", "a fox")]
    [InlineData("an unknown method", "--method is 'magic'; it must be one of ar, ", "generate", "a fox", "--method", "magic")]
    [InlineData("an unknown first guess", "--init is 'zero'; it must be one of uniform", "generate", "a fox", "--init", "zero")]
    [InlineData("an unknown provider", "--provider is 'gpu'; it must be one of cpu", "generate", "a fox", "--provider", "gpu")]
    [InlineData("not a number", "--guidance is 'NaN'; it must be a number from 0 to 100.", "generate", "a fox", "--guidance", "NaN")]
    [InlineData("infinity", "--temperature is 'Infinity'; it must be a number from 0 to 100.",
        "generate", "a fox", "--temperature", "Infinity")]
    [InlineData("beyond a float", "--temperature is '1e400'; it must be a number from 0 to 100.",
        "generate", "a fox", "--temperature", "1e400")]
    [InlineData("a decimal comma", "--guidance is '1,5'; it must be", "generate", "a fox", "--guidance", "1,5")]
    [InlineData("a negative number", "--guidance is '-1'; it must be", "generate", "a fox", "--guidance", "-1")]
    [InlineData("too small a number", "--top-p is '0'; it must be a number above 0, at most 1.", "generate", "a fox", "--top-p", "0")]
    [InlineData("a negative count", "--top-k is '-1'; it must be a whole number, 0 or more.", "generate", "a fox", "--top-k", "-1")]
    [InlineData("too large a number", "--window is '1025'; it must be auto, or a whole number from 0 to 1024.",
        "generate", "a fox", "--window", "1025")]
    [InlineData("neither a number nor auto", "--window is 'automatic'; it must be auto, or", "generate", "a fox", "--window", "automatic")]
    [InlineData("no image", "--count is '0'; it must be", "generate", "a fox", "--count", "0")]
    [InlineData("a negative seed", "--seed is '-1'; it must be a whole number from 0", "generate", "a fox", "--seed", "-1")]
    [InlineData("a seed of 65 bits", "--seed is '18446744073709551616'; it must be", "generate", "a fox", "--seed", "18446744073709551616")]
    [InlineData("seeds of 65 bits", "--seed 18446744073709551615 with --count 2",
        "generate", "a fox", "--seed", "18446744073709551615", "--count", "2")]
    [InlineData("a size of one number", "--size is '128'; it must be width and height in pixels", "generate", "a fox", "--size", "128")]
    [InlineData("a ratio to nothing", "--size is '16:0'; it must be width and height in pixels, such as 128x128, or their ratio",
        "generate", "a fox", "--size", "16:0")]
    [InlineData("a negative size", "--size is '-128x128'; it must be", "generate", "a fox", "--size", "-128x128")]
    [InlineData("negative threads", "--threads is '-1'; it must be a whole number, 0 or more.", "generate", "a fox", "--threads", "-1")]
    [InlineData("an impossible precision", "--precision is 'FP 32'; it must be the name of a precision",
        "generate", "a fox", "--precision", "FP 32")]
    [InlineData("an empty name", "--output is empty; it must be FILE.", "generate", "a fox", "-o", "")]
    [InlineData("another format", "--output is 'fox.gif'; the name must end in .png, .jpg, .jpeg, .webp.",
        "generate", "a fox", "-o", "fox.gif")]
    [InlineData("an unknown format", "--format is 'gif'; it must be one of png, jpeg, webp.", "generate", "a fox", "--format", "gif")]
    [InlineData("two formats", "--output is 'fox.png' and --format is jpeg;", "generate", "a fox", "-o", "fox.png", "--format", "jpeg")]
    [InlineData("too low a quality", "--quality is '0'; it must be a whole number from 1 to 100.", "generate", "a fox", "--quality", "0")]
    [InlineData("a quality of PNG", "--quality is 80, and PNG files are lossless", "generate", "a fox", "--quality", "80")]
    [InlineData("a quality and none", "--quality is 80 with --lossless",
        "generate", "a fox", "-o", "fox.webp", "--quality", "80", "--lossless")]
    [InlineData("a lossless JPEG", "--lossless is given for jpeg", "generate", "a fox", "-o", "fox.jpg", "--lossless")]
    [InlineData("two images on standard output", "--count is 2; standard output takes one image.",
        "generate", "a fox", "-o", "-", "--count", "2")]
    [InlineData("two things on standard output", "--json prints to standard output", "generate", "a fox", "-o", "-", "--json")]
    [InlineData("a preview of standard output", "--preview writes a file beside the image",
        "generate", "a fox", "-o", "/dev/stdout", "--preview")]
    [InlineData("a trace over the preview", "'fox.preview.jpg' would be written twice",
        "generate", "a fox", "-o", "fox.jpeg", "--preview", "--trace", "fox.preview.jpg")]
    [InlineData("a trace over a name made from the seed", "'sjd-00000007.png' would be written twice",
        "generate", "a fox", "--seed", "7", "--trace", "sjd-00000007.png")]
    [InlineData("a trace over the image", "'fox.png' would be written twice", "generate", "a fox", "-o", "fox.png", "--trace", "fox.png")]
    [InlineData("a trace of several images", "--count is 2; with --trace it must be 1",
        "generate", "a fox", "--count", "2", "--trace", "trace.json")]
    [InlineData("a value missing", "Required argument missing for option: '--seed'.", "generate", "a fox", "--seed")]
    [InlineData("too large a batch of one command", "--batch is '65'; it must be a whole number from 1 to 64.",
        "generate", "a fox", "--batch", "65")]
    [InlineData("a batch that shows previews", "--batch is 2; with --preview it must be 1",
        "generate", "a fox", "--batch", "2", "--preview")]
    [InlineData("no candidates", "--branching is '3x0'; it must be numbers from 1 to 32 joined by x",
        "generate", "a fox", "--branching", "3x0")]
    [InlineData("a negative threshold", "--reuse-threshold is '-1'; it must be", "generate", "a fox", "--reuse-threshold", "-1")]
    [InlineData("an infinite threshold", "--reuse-threshold is 'Infinity'; it must be a finite number",
        "generate", "a fox", "--reuse-threshold", "Infinity")]
    [InlineData("a threshold beyond a float", "--reuse-threshold is '1e400'; it must be a finite number",
        "generate", "a fox", "--reuse-threshold", "1e400")]
    [InlineData("too large a group", "--group-size is '1025'; it must be", "generate", "a fox", "--group-size", "1025")]
    [InlineData("too large a tolerance", "--group-tolerance is '2'; it must be 0 to 1.", "generate", "a fox", "--group-tolerance", "2")]
    [InlineData("no denoising", "--denoising-steps is '0'; it must be 1 to 1024.", "generate", "a fox", "--denoising-steps", "0")]
    [InlineData("no iteration", "--iterations is '0'; it must be 1 to", "generate", "a fox", "--iterations", "0")]
    [InlineData("an option of another method", "--group-size is an option of gsd; the method is exact.",
        "generate", "a fox", "--method", "exact", "--group-size", "9")]
    [InlineData("an image without a name", "FILE is empty; it must be the name of an image file.", "inspect", "")]
    [InlineData("two files", "'b.png' is one file too many", "inspect", "a.png", "b.png")]
    [InlineData("a word too many", "'sjd' is one word too many; methods lists all of them.", "methods", "sjd")]
    [InlineData("a number too many", "'4' is one word too many; costs takes only options.", "costs", "4")]
    [InlineData("an unknown command of models", "'list' is no command of models; it must be show or compare", "models", "list")]
    [InlineData("two models to show", "'b' is one word too many; show describes one model. See sjd models show --help.",
        "models", "show", "a", "b")]
    [InlineData("an unknown method in a list", "--methods names 'magic'; it must be all, or names from this list with commas between: ar, ",
        "bench", "--methods", "sjd,magic")]
    [InlineData("an empty list", "--methods names ''; it must be all, or", "bench", "--methods", "")]
    [InlineData("an unknown first guess in a list",
        "--inits names 'zero'; it must be all, or names from this list with commas between: uniform, ",
        "bench", "--inits", "zero")]
    [InlineData("no drafts", "--windows has '0'; each must be auto, or a whole number from 1 to 1024, with commas between.",
        "bench", "--windows", "4,0")]
    [InlineData("a list with a gap", "--windows has ''; each must be", "bench", "--windows", "4,,8")]
    [InlineData("a list with spaces", "'8' is one word too many; put commas and no spaces between", "bench", "--windows", "4,", "8")]
    [InlineData("too large a batch", "--batches has '65'; each must be a whole number from 1 to 64, with commas between.",
        "bench", "--batches", "1,65")]
    [InlineData("no repeat", "--repeats is '0'; it must be a whole number from 1 to 1000.", "bench", "--repeats", "0")]
    [InlineData("impossible precisions", "--precisions is 'fp32,'; it must be all, or names such as fp32",
        "bench", "--precisions", "fp32,")]
    [InlineData("a bad value in a list of a method's option", "--group-size has '1025'; each must be 0 to 1024",
        "bench", "--group-size", "9,1025")]
    [InlineData("an option of a method that does not take part", "--group-size is an option of gsd; the methods are sjd, mc.",
        "bench", "--methods", "sjd,mc", "--group-size", "9")]
    public async Task Wrong_arguments_are_named(string what, string because, params string[] arguments)
    {
        var error = await Assert.ThrowsAsync<CommandException>(() => RunAsync(arguments));

        Assert.True(error.ExitCode == ExitCode.Usage, $"The exit code for {what} is {error.ExitCode}.");
        Assert.Contains(because, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        "There is no command 'draw'; it must be one of generate, batch, submit, worker, status, serve, flow, think, act, inspect, " +
        "bench, methods, costs, models, doctor.",
        "draw", "a fox")]
    [InlineData("--count is '0'; it must be a whole number from 1 to 1000000.", "generate", "a fox", "--count", "0")]
    [InlineData(@"--method is 'a\u000ab\u001b[31m'; it must be", "generate", "a fox", "--method", "a\nb\u001b[31m")]
    public async Task The_program_prints_a_complaint_on_one_line_and_exits_with_its_code(string because, params string[] arguments)
    {
        using var sjd = new Sjd();

        (await sjd.RunAsync(arguments)).AssertFailed(ExitCode.Usage, because);

        Assert.Empty(sjd.Files);
    }

    [Fact]
    public async Task A_prompt_may_start_with_a_dash_or_an_at_sign()
    {
        foreach (string[] prompt in (string[][])[["--", "-o"], ["@fox"]])
        {
            var error = await Assert.ThrowsAsync<CommandException>(() => RunAsync(["generate", "--model", "no-such-model", .. prompt]));
            Assert.Contains("There is no model 'no-such-model'", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_last_value_of_a_repeated_option_holds()
    {
        ParseResult parsed = Parse("bench", "--repeats", "9999", "--windows", "8", "--repeats", "3", "--windows", "16,auto", "--verify",
            "--verify");

        Assert.Equal(3, parsed.GetValue<int?>("--repeats"));
        Assert.Equal([16, WindowSize.Auto], parsed.GetValue<IReadOnlyList<WindowSize>?>("--windows")!);
        Assert.Equal("exact", Parse("generate", "a fox", "--method", "sjd", "--method", "exact").GetValue<string?>("--method"));
        Assert.Equal("b", Parse("generate", "a fox", "-o", "a", "--output", "b").GetValue<string?>("--output"));
        Assert.Equal(["9"], Parse("generate", "a fox", "--group-size", "5", "--group-size",
            "9").GetValue<IReadOnlyList<string>?>("--group-size")!);
    }

    [Fact]
    public async Task Help_lists_every_option_and_exit_code()
    {
        string[] drawing = ["--size <WxH|W:H>", "--guidance", "--negative", "--temperature", "--top-k", "--top-p", "--no-clean"];
        string[] methods = ["--branching", "--reuse-threshold", "--group-size", "--group-tolerance", "--iterations", "--denoising-steps"];
        string[] model = ["--model", "--provider", "--threads", "--verify"];
        await AssertListed("generate",
            ["-o, --output <FILE>", "--format", "--quality", "--lossless", "--method", "--window", "--init", "--seed", "--count", "--batch",
            "--precision", "--preview", "--trace", "--json", "--no-metadata", .. drawing, .. methods, .. model]);
        await AssertListed("bench",
            ["--methods", "--windows", "--inits", "--precisions", "--batches", "--prompts", "--repeats", "--warmup", "--seed",
            "--json", "--html", "--svg", .. drawing, .. methods, .. model]);
        await AssertListed("costs", ["--precision", "--batch", "--measure", "--json", .. model]);
        await AssertListed("flow",
            ["--class", "--seed", "--count", "--guidance", "--schedule", "--temperature", "--denoise", "--way", "--plan", "--segments",
            "--tolerance", "--updates", "--guess", "--commit", "--limit", "--compare", "--accuracy", "--measure", "-o, --output <FILE>",
            "--folder", "--enlarge", "--json", .. model]);
        await AssertListed("serve",
            ["--urls", "--api-keys", "--certificate", "--certificate-key", "--allow-host", "--cors", "--max-pending", "--max-count",
            "--time-limit", "--grace", "--memory", "--any-model", "--any-size", "--no-page", "--log", "--otlp", "--precision", "--batch",
            .. model]);
        await AssertListed("inspect", ["FILE", "--json"]);
        await AssertListed("methods", ["--json"]);
        await AssertListed("models", ["show", "compare", "--json"]);
        Assert.DoesNotContain(BenchCommand.MemoryOption, await HelpAsync("bench"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_page_of_help_shows_how_to_call_the_command_and_has_no_long_line()
    {
        foreach (string[] command in (string[][])[[], ["generate"], ["serve"], ["inspect"], ["bench"], ["flow"], ["methods"], ["costs"],
            ["models"], ["models", "show"], ["models", "compare"]])
        {
            string help = await HelpAsync(command);
            Assert.Contains($"\nUsage: {string.Join(' ', command.Prepend("sjd"))}", help, StringComparison.Ordinal);
            Assert.All(help.Split('\n'), line => Assert.InRange(line.Length, 0, 120));
        }
    }

    private static async Task AssertListed(string command, string[] options)
    {
        string help = await HelpAsync(command);

        Assert.Contains(ExitCode.Table, help, StringComparison.Ordinal);
        Assert.All(options, option => Assert.Contains($" {option} ", help, StringComparison.Ordinal));
    }

    private static async Task<string> HelpAsync(params string[] command)
    {
        var output = new StringWriter();
        Assert.Equal(ExitCode.Done, await Parse([.. command, "--help"]).InvokeAsync(new InvocationConfiguration { Output = output }));
        return output.ToString();
    }

    private static ParseResult Parse(params string[] arguments) => new CommandLine(DecodingMethods.BuiltIn).Parse(arguments);

    private static async Task RunAsync(string[] arguments) =>
        await Parse(arguments).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
