using System.CommandLine;

namespace SjdOnnx.Cli;

/// <summary><c>sjd methods</c>: its option.</summary>
internal sealed class MethodsCommand : Command
{
    /// <summary>What --help says below the options.</summary>
    public const string Notes = $"""
        Output:
          A method on each line: its name, whether it is exact or lossy, the options of generate that it looks at, what it does.
          The pictures of an exact method are distributed as those that the model draws one token at a time; a lossy method's are not.
          With --json a list of objects: name, exact, seed_exact (the picture is the one ar draws with the same seed), options, summary.

        {ExitCode.Table}
        """;

    private readonly Option<bool> _json = CheckedOption.Flag("--json", "Print a JSON list");

    public MethodsCommand()
        : base("methods", "Lists the decoding methods, and says which are lossy.")
    {
        Options.Add(_json);
        SetAction(parsed => MethodList.Run(parsed.GetValue(_json)));
    }
}
