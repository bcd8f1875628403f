using System.CommandLine;

namespace SjdOnnx.Cli.Terminal;

/// <summary>A command of sjd with what its help page and its complaints need.</summary>
internal abstract class SjdCommand(string name, string description) : Command(name, description)
{
    private readonly List<(string Heading, IReadOnlyList<Option> Options)> _groups = [];

    /// <summary>The options under the headings of the help page.</summary>
    public IReadOnlyList<(string Heading, IReadOnlyList<Option> Options)> Groups => _groups;

    /// <summary>What the help page says below the options.</summary>
    public abstract string Notes { get; }

    /// <summary>What to say about a word on the command line that nothing expects.</summary>
    public abstract string ComplaintAbout(string word);

    protected void Add(string heading, params IEnumerable<Option> options)
    {
        Option[] group = [.. options];
        _groups.Add((heading, group));
        foreach (Option option in group)
            Options.Add(option);
    }
}
