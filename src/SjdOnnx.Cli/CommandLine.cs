using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using SjdOnnx.Cli.Act;
using SjdOnnx.Cli.Batch;
using SjdOnnx.Cli.Bench;
using SjdOnnx.Cli.Costs;
using SjdOnnx.Cli.Doctor;
using SjdOnnx.Cli.Fleet;
using SjdOnnx.Cli.Flow;
using SjdOnnx.Cli.Generate;
using SjdOnnx.Cli.Inspect;
using SjdOnnx.Cli.Methods;
using SjdOnnx.Cli.Models;
using SjdOnnx.Cli.Serve;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Cli.Think;
using SjdOnnx.Methods;

namespace SjdOnnx.Cli;

/// <summary>The commands of sjd, and the complaints about arguments that fit none of them.</summary>
internal sealed class CommandLine
{
    private const string Notes = """
        Examples:
          sjd generate "a fox above a rocket on a blue background" -o fox.png
          sjd batch prompts.txt -o images
          sjd inspect fox.png
          sjd serve
          sjd bench --methods sjd,mc,exact --html bench.html
        """;

    private readonly GenerateCommand _generate;
    private readonly ThinkCommand _think = new();
    private readonly ActCommand _act = new();
    private readonly RootCommand _root = new(
        "Generates images from text with autoregressive models on ONNX Runtime. Speculative decoding settles several tokens in each " +
        "forward pass. sjd COMMAND --help explains a command.");

    /// <param name="methods">The decoding methods to choose from, such as <see cref="DecodingMethods.BuiltIn"/>.</param>
    public CommandLine(DecodingMethods methods)
    {
        _generate = new GenerateCommand(methods);
        _root.Subcommands.Add(_generate);
        _root.Subcommands.Add(new BatchCommand(methods));
        _root.Subcommands.Add(new SubmitCommand(methods));
        _root.Subcommands.Add(new WorkerCommand(methods));
        _root.Subcommands.Add(new StatusCommand());
        _root.Subcommands.Add(new ServeCommand());
        _root.Subcommands.Add(new FlowCommand());
        _root.Subcommands.Add(_think);
        _root.Subcommands.Add(_act);
        _root.Subcommands.Add(new InspectCommand());
        _root.Subcommands.Add(new BenchCommand(methods));
        _root.Subcommands.Add(new MethodsCommand(methods));
        _root.Subcommands.Add(new CostsCommand());
        _root.Subcommands.Add(new ModelsCommand());
        _root.Subcommands.Add(new DoctorCommand());
        HelpOption help = _root.Options.OfType<HelpOption>().Single();
        help.Description = "Explain the program or a command";
        help.Action = new HelpPage(Notes);
        _root.Options.OfType<VersionOption>().Single().Description = "Print the version";
    }

    /// <exception cref="CommandException">The arguments fit no command.</exception>
    public ParseResult Parse(string[] arguments)
    {
        // A prompt may start with @, which by default would name a file of arguments.
        ParseResult parsed = _root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        return ComplaintAbout(parsed) is string complaint
            ? throw new CommandException(ExitCode.Usage, $"{complaint} See {HelpPage.NameOf(parsed.CommandResult)} --help.")
            : parsed;
    }

    private string? ComplaintAbout(ParseResult parsed)
    {
        if (parsed.Action is HelpPage)
            return null;

        // The parser takes an unknown option for the prompt, the question or the instruction and then complains about that.
        bool afterDoubleDash = parsed.Tokens.Any(token => token.Type == TokenType.DoubleDash);
        IEnumerable<string> words = ((Argument[])[_generate.Prompt, _think.Question, _act.Instruction])
            .SelectMany(argument => parsed.GetResult(argument)?.Tokens ?? []).Select(token => token.Value);
        if (!afterDoubleDash && words.Concat(parsed.UnmatchedTokens).FirstOrDefault(token => token.StartsWith('-')) is string option)
            return $"There is no option '{option}'; put -- before a text that starts with -.";
        if (parsed.UnmatchedTokens is [string word, ..])
        {
            return parsed.CommandResult.Command is SjdCommand command
                ? command.ComplaintAbout(word)
                : $"There is no command '{word}'; it must be one of {string.Join(", ", _root.Subcommands.Select(each => each.Name))}.";
        }

        return parsed.Errors is [ParseError error, ..] ? error.Message : null;
    }
}
