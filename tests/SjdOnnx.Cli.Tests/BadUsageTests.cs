namespace SjdOnnx.Cli.Tests;

/// <summary>Arguments that are wrong by themselves: refused before any model is looked for.</summary>
public class BadUsageTests
{
    [Theory]
    [InlineData("no command", "Required command was not provided. See sjd --help.")]
    [InlineData("an unknown command", "There is no command 'draw'; it must be one of generate, inspect, bench, methods, costs, models.", "draw", "a fox")]
    [InlineData("no prompt", "Required argument 'PROMPT' missing for command: 'generate'.", "generate")]
    [InlineData("a prompt without quotes", "'fox' is one word too many; put the whole prompt in quotes.", "generate", "a", "fox")]
    [InlineData("an unknown option", "There is no option '--jsn'", "generate", "--jsn", "a fox")]
    [InlineData("an unknown method", "--method is 'magic'; it must be one of ar, ", "generate", "a fox", "--method", "magic")]
    [InlineData("an unknown initialisation", "--init is 'zero'; it must be one of uniform", "generate", "a fox", "--init", "zero")]
    [InlineData("an unknown provider", "--provider is 'gpu'; it must be one of cpu", "generate", "a fox", "--provider", "gpu")]
    [InlineData("not a number", "--guidance is 'NaN'; it must be a number from 0 to 100.", "generate", "a fox", "--guidance", "NaN")]
    [InlineData("infinity", "--temperature is 'Infinity'; it must be a number from 0 to 100.", "generate", "a fox", "--temperature", "Infinity")]
    [InlineData("a decimal comma", "--guidance is '1,5'; it must be", "generate", "a fox", "--guidance", "1,5")]
    [InlineData("a negative number", "--guidance is '-1'; it must be", "generate", "a fox", "--guidance", "-1")]
    [InlineData("too small a number", "--top-p is '0'; it must be a number above 0, at most 1.", "generate", "a fox", "--top-p", "0")]
    [InlineData("a negative count", "--top-k is '-1'; it must be a whole number, 0 or more.", "generate", "a fox", "--top-k", "-1")]
    [InlineData("too large a number", "--window is '1025'; it must be auto, or a whole number from 0 to 1024.", "generate", "a fox", "--window", "1025")]
    [InlineData("no picture", "--count is '0'; it must be", "generate", "a fox", "--count", "0")]
    [InlineData("a negative seed", "--seed is '-1'; it must be a whole number from 0", "generate", "a fox", "--seed", "-1")]
    [InlineData("a seed of 65 bits", "--seed is '18446744073709551616'; it must be", "generate", "a fox", "--seed", "18446744073709551616")]
    [InlineData("seeds of 65 bits", "--seed 18446744073709551615 with --count 2", "generate", "a fox", "--seed", "18446744073709551615", "--count", "2")]
    [InlineData("a size of one number", "--size is '128'; it must be width and height in pixels", "generate", "a fox", "--size", "128")]
    [InlineData("a ratio to nothing", "--size is '16:0'; it must be width and height in pixels, such as 128x128, or their ratio", "generate", "a fox", "--size", "16:0")]
    [InlineData("an unknown command of models", "'list' is no command of models; it must be show or compare", "models", "list")]
    [InlineData("two models to show", "'b' is one word too many; it tells of one model", "models", "show", "a", "b")]
    [InlineData("a negative size", "--size is '-128x128'; it must be", "generate", "a fox", "--size", "-128x128")]
    [InlineData("negative threads", "--threads is '-1'; it must be", "generate", "a fox", "--threads", "-1")]
    [InlineData("an empty name", "--output is empty; it must be FILE.", "generate", "a fox", "-o", "")]
    [InlineData("another format", "--output is 'fox.gif'; the name must end in .png, .jpg, .jpeg, .webp.", "generate", "a fox", "-o", "fox.gif")]
    [InlineData("an unknown format", "--format is 'gif'; it must be one of png, jpeg, webp.", "generate", "a fox", "--format", "gif")]
    [InlineData("two formats", "--output is 'fox.png' and --format jpeg;", "generate", "a fox", "-o", "fox.png", "--format", "jpeg")]
    [InlineData("too low a quality", "--quality is '0'; it must be a whole number from 1 to 100.", "generate", "a fox", "--quality", "0")]
    [InlineData("a quality of PNG", "--quality is 80, which png, being lossless, does not have", "generate", "a fox", "--quality", "80")]
    [InlineData("a quality and none", "--quality is 80 with --lossless", "generate", "a fox", "-o", "fox.webp", "--quality", "80", "--lossless")]
    [InlineData("a lossless JPEG", "--lossless is given for jpeg", "generate", "a fox", "-o", "fox.jpg", "--lossless")]
    [InlineData("two pictures on standard output", "--count is 2; standard output takes one picture.", "generate", "a fox", "-o", "-", "--count", "2")]
    [InlineData("two things on standard output", "--json prints to standard output", "generate", "a fox", "-o", "-", "--json")]
    [InlineData("a preview of standard output", "--preview writes a file beside the picture", "generate", "a fox", "-o", "/dev/stdout", "--preview")]
    [InlineData("a trace over the preview", "'fox.preview.jpg' is to be written twice", "generate", "a fox", "-o", "fox.jpeg", "--preview", "--trace", "fox.preview.jpg")]
    [InlineData("a trace over a name made from the seed", "'sjd-00000007.png' is to be written twice", "generate", "a fox", "--seed", "7", "--trace", "sjd-00000007.png")]
    [InlineData("a picture without a name", "FILE is empty; it must be the name of a picture.", "inspect", "")]
    [InlineData("a value missing", "Required argument missing for option: '--seed'.", "generate", "a fox", "--seed")]
    [InlineData("an option twice", "'--seed' expects a single argument but 2 were provided.", "generate", "a fox", "--seed", "1", "--seed", "2")]
    [InlineData("control characters", @"--method is 'a\u000ab\u001b[31m'; it must be", "generate", "a fox", "--method", "a\nb\u001b[31m")]
    [InlineData("too large a batch of one command", "--batch is '65'; it must be a whole number from 1 to 64.", "generate", "a fox", "--batch", "65")]
    [InlineData("a batch that shows previews", "--batch is 2; with --preview it must be 1", "generate", "a fox", "--batch", "2", "--preview")]
    [InlineData("no candidates", "--branching has '0'; each must be a whole number from 1 to 32, with commas between.", "generate", "a fox", "--branching", "3,0")]
    [InlineData("a negative threshold", "--reuse-threshold is '-1'; it must be a number, 0 or more.", "generate", "a fox", "--reuse-threshold", "-1")]
    [InlineData("too large a group", "--group-size is '1025'; it must be", "generate", "a fox", "--group-size", "1025")]
    [InlineData("too large a tolerance", "--group-tolerance is '2'; it must be a number from 0 to 1.", "generate", "a fox", "--group-tolerance", "2")]
    [InlineData("a trace over the picture", "'fox.png' is to be written twice", "generate", "a fox", "-o", "fox.png", "--trace", "fox.png")]
    [InlineData("a trace of several pictures", "--count is 2; with --trace it must be 1", "generate", "a fox", "--count", "2", "--trace", "trace.json")]
    [InlineData("no denoising", "--denoising-steps is '0'; it must be a whole number from 1 to 1024.", "generate", "a fox", "--denoising-steps", "0")]
    [InlineData("no iteration", "--iterations is '0'; it must be a whole number, 1 or more.", "generate", "a fox", "--iterations", "0")]
    [InlineData("a word too many", "'sjd' is one word too many; methods lists them all.", "methods", "sjd")]
    [InlineData("neither a number nor auto", "--window is 'automatic'; it must be auto, or", "generate", "a fox", "--window", "automatic")]
    [InlineData("a number too many", "'4' is one word too many; costs has options alone.", "costs", "4")]
    [InlineData("an unknown method in a list", "--methods names 'magic'; it must be all, or names with commas between, of ar, ", "bench", "--methods", "sjd,magic")]
    [InlineData("an empty list", "--methods names ''; it must be all, or", "bench", "--methods", "")]
    [InlineData("an unknown first guess", "--inits names 'zero'; it must be all, or names with commas between, of uniform, ", "bench", "--inits", "zero")]
    [InlineData("no drafts", "--windows has '0'; each must be auto, or a whole number from 1 to 1024, with commas between.", "bench", "--windows", "4,0")]
    [InlineData("a list with a gap", "--windows has ''; each must be", "bench", "--windows", "4,,8")]
    [InlineData("a list with spaces", "'8' is one word too many; put commas and no spaces between", "bench", "--windows", "4,", "8")]
    [InlineData("too large a batch", "--batches has '65'; each must be a whole number from 1 to 64, with commas between.", "bench", "--batches", "1,65")]
    [InlineData("no repeat", "--repeats is '0'; it must be a whole number from 1 to 1000.", "bench", "--repeats", "0")]
    [InlineData("two files", "'b.png' is one file too many", "inspect", "a.png", "b.png")]
    public async Task Wrong_arguments_are_named(string what, string because, params string[] arguments)
    {
        using var sjd = new Sjd();

        (await sjd.RunAsync(arguments)).AssertFailed(ExitCode.Usage, because);

        Assert.True(!sjd.Files.Any(), $"{what} left a file behind.");
    }

    [Fact]
    public async Task A_prompt_may_start_with_a_dash_or_an_at_sign()
    {
        using var sjd = new Sjd();

        (await sjd.RunAsync("generate", "--model", "no-such-model", "--", "-o")).AssertFailed(ExitCode.Model, "There is no model 'no-such-model'");
        (await sjd.RunAsync("generate", "--model", "no-such-model", "@fox")).AssertFailed(ExitCode.Model, "There is no model 'no-such-model'");
    }

    [Fact]
    public async Task Help_lists_every_option_and_exit_code()
    {
        await AssertListed("generate", "-o, --output <FILE>", "--format", "--quality", "--lossless", "--model", "--method", "--window", "--init", "--branching", "--reuse-threshold",
            "--group-size", "--group-tolerance", "--iterations", "--denoising-steps", "--seed", "--count", "--batch", "--guidance", "--temperature", "--top-k", "--top-p", "--size <WxH|W:H>", "--negative", "--no-clean", "--provider", "--threads", "--precision", "--preview", "--trace", "--json", "--no-metadata");
        await AssertListed("bench", "--model", "--methods", "--windows", "--inits", "--precisions", "--batches", "--prompts", "--repeats", "--warmup",
            "--branching", "--reuse-threshold", "--group-size", "--group-tolerance", "--iterations", "--denoising-steps", "--seed", "--guidance", "--temperature", "--top-k", "--top-p", "--size", "--negative", "--no-clean", "--provider", "--threads", "--json", "--html", "--svg");
        await AssertListed("costs", "--model", "--precision", "--batch", "--measure", "--provider", "--threads", "--json");
    }

    private static async Task AssertListed(string command, params string[] options)
    {
        using var sjd = new Sjd();

        Finished help = await sjd.RunAsync(command, "--help");

        Assert.Equal((0, ""), (help.ExitCode, help.Error));
        Assert.Contains(ExitCode.Table, help.Output, StringComparison.Ordinal);
        Assert.All(options, option => Assert.Contains($" {option} ", help.Output, StringComparison.Ordinal));
    }
}
