using SjdOnnx.Cli.Terminal;
using SjdOnnx.Methods;

namespace SjdOnnx.Cli.Tests.Think;

/// <summary>Arguments that are wrong by themselves are refused before a model is looked for.</summary>
public class ThinkUsageTests
{
    [Theory]
    [InlineData("There is no option '--jsn'; put -- before", "think", "--jsn")]
    [InlineData("'two' is one word too many; put the whole question in quotes.", "think", "one", "two")]
    [InlineData("--iterations is '-1'; it must be a whole number from 0 to 1024.", "think", "1+1", "--iterations", "-1")]
    [InlineData("--iterations is '1025'; it must be", "think", "1+1", "--iterations", "1025")]
    [InlineData("--mode is 'loud'; it must be one of parallel, in-order, aloud.", "think", "1+1", "--mode", "loud")]
    public void Values_out_of_range_are_refused_while_they_are_parsed(string complaint, params string[] arguments)
    {
        var error = Assert.Throws<CommandException>(() => new CommandLine(DecodingMethods.BuiltIn).Parse(arguments));
        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.Contains(complaint, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("There is no question.", "think")]
    [InlineData("There are a question and --evaluate", "think", "1+1", "--evaluate", "file")]
    [InlineData("--compare needs the right answers", "think", "1+1", "--compare")]
    [InlineData("--iterations is an option of the mode parallel", "think", "1+1", "--mode", "aloud", "--iterations", "3")]
    [InlineData("--trace is an option of the mode parallel", "think", "1+1", "--mode", "in-order", "--trace")]
    [InlineData("--trace shows one question", "think", "--evaluate", "file", "--trace")]
    [InlineData("--compare answers in every mode", "think", "--evaluate", "file", "--compare", "--iterations", "1")]
    public async Task Options_that_exclude_each_other_are_refused_before_a_file_is_read(string complaint, params string[] arguments)
    {
        var parsed = new CommandLine(DecodingMethods.BuiltIn).Parse([.. arguments, "--model", "nothing"]);
        var error = await Assert.ThrowsAsync<CommandException>(
            () => parsed.InvokeAsync(new() { EnableDefaultExceptionHandler = false }));
        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.Contains(complaint, error.Message, StringComparison.Ordinal);
    }
}
