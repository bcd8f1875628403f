using SjdOnnx.Cli.Terminal;
using SjdOnnx.Methods;

namespace SjdOnnx.Cli.Tests.Act;

/// <summary>Arguments that are wrong by themselves are refused before a model is looked for.</summary>
public class ActUsageTests
{
    [Theory]
    [InlineData("There is no option '--jsn'", "act", "--jsn")]
    [InlineData("'two' is one word too many; put the instruction in quotes.", "act", "one", "two")]
    [InlineData("--exit is '0'; it must be a whole number, 1 or more.", "act", "--exit", "0")]
    [InlineData("--episodes is '0'; it must be a whole number from 1 to 100000.", "act", "--episodes", "0")]
    [InlineData("--episodes is '100001'; it must be", "act", "--episodes", "100001")]
    [InlineData("--seed is '-1'; it must be a whole number, 0 or more.", "act", "--seed", "-1")]
    [InlineData("--decoding is 'exact'; it must be one of ar, jacobi, shrinking.", "act", "--decoding", "exact")]
    public void Values_out_of_range_are_refused_while_they_are_parsed(string complaint, params string[] arguments)
    {
        var error = Assert.Throws<CommandException>(() => new CommandLine(DecodingMethods.BuiltIn).Parse(arguments));
        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.Contains(complaint, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--picture needs an instruction", "act", "--picture", "table.png")]
    [InlineData("An instruction needs --picture FILE", "act", "go")]
    [InlineData("--episodes is about episodes", "act", "go", "--picture", "table.png", "--episodes", "2")]
    [InlineData("--compare is about episodes", "act", "go", "--picture", "table.png", "--compare")]
    [InlineData("--replay is about episodes", "act", "go", "--picture", "table.png", "--replay", "act.gif")]
    [InlineData("--compare runs every way", "act", "--compare", "--decoding", "jacobi")]
    [InlineData("--compare runs every way", "act", "--compare", "--exit", "4")]
    [InlineData("--exit is an option of jacobi and shrinking", "act", "--decoding", "ar", "--exit", "4")]
    [InlineData("--replay is 'act.png'; the file must end with .gif.", "act", "--replay", "act.png")]
    public async Task Options_that_exclude_each_other_are_refused_before_a_file_is_read(string complaint, params string[] arguments)
    {
        var parsed = new CommandLine(DecodingMethods.BuiltIn).Parse([.. arguments, "--model", "nothing"]);
        var error = await Assert.ThrowsAsync<CommandException>(
            () => parsed.InvokeAsync(new() { EnableDefaultExceptionHandler = false }));
        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.Contains(complaint, error.Message, StringComparison.Ordinal);
    }
}
