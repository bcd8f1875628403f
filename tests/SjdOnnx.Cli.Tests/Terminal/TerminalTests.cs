using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests.Terminal;

/// <summary>The program at a terminal, which tests of other classes replace by files.</summary>
public class TerminalTests
{
    [TerminalFact]
    public async Task Every_list_is_readable_in_a_terminal_without_a_size_and_in_a_narrow_one()
    {
        using var sjd = new Sjd();

        foreach (string size in (string[])["stty cols 0", "stty cols 20"])
        {
            foreach (string arguments in (string[])["methods", "models", "bench --help", "generate --help"])
            {
                Finished run = await sjd.InTerminalAsync($"{size}; sjd {arguments}");
                Assert.True(run.ExitCode == ExitCode.Done, $"After {size}, {arguments} ended with {run.ExitCode}: {run.Output}");
                Assert.DoesNotContain("Unexpected failure", run.Output, StringComparison.Ordinal);
            }
        }

        Assert.Contains("\nwhat it does: one token per pass",
            (await sjd.InTerminalAsync("stty cols 20; sjd methods")).Output.ReplaceLineEndings("\n"), StringComparison.Ordinal);
    }
}
