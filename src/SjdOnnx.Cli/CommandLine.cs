using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using SjdOnnx.Cli.Bench;

namespace SjdOnnx.Cli;

/// <summary>The commands of sjd, and what is said about arguments that fit none.</summary>
internal sealed class CommandLine
{
    private readonly GenerateCommand _generate = new();
    private readonly RootCommand _root =
        new("Draws pictures from text with autoregressive models on ONNX Runtime, several tokens per forward pass.");

    public CommandLine()
    {
        _root.Subcommands.Add(_generate);
        _root.Subcommands.Add(new InspectCommand());
        _root.Subcommands.Add(new BenchCommand());
        _root.Subcommands.Add(new MethodsCommand());
        _root.Subcommands.Add(new CostsCommand());
        _root.Subcommands.Add(new ModelsCommand());
        HelpOption help = _root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithNotes((HelpAction)help.Action!);
    }

    /// <exception cref="CommandException">The arguments fit no command.</exception>
    public ParseResult Parse(string[] arguments)
    {
        // A prompt may start with @, which by default would name a file of arguments.
        ParseResult parsed = _root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        return Complaint(parsed) is string complaint
            ? throw new CommandException(ExitCode.Usage, $"{complaint} See {CommandName(parsed)} --help.")
            : parsed;
    }

    private string? Complaint(ParseResult parsed)
    {
        if (parsed.Action is HelpWithNotes)
            return null;

        // The parser takes an option it does not know for the prompt, and then complains about the prompt.
        bool afterDoubleDash = parsed.Tokens.Any(token => token.Type == TokenType.DoubleDash);
        IEnumerable<string> prompt = parsed.GetResult(_generate.Prompt)?.Tokens.Select(token => token.Value) ?? [];
        if (!afterDoubleDash && prompt.Concat(parsed.UnmatchedTokens).FirstOrDefault(token => token.StartsWith('-')) is string option)
            return $"There is no option '{option}'; put -- before a prompt that starts with -.";
        if (parsed.UnmatchedTokens is [string word, ..])
        {
            return parsed.CommandResult.Command switch
            {
                GenerateCommand => $"'{word}' is one word too many; put the whole prompt in quotes.",
                InspectCommand => $"'{word}' is one file too many; inspect reads one.",
                MethodsCommand => $"'{word}' is one word too many; methods lists them all.",
                CostsCommand => $"'{word}' is one word too many; costs has options alone.",
                ModelsShowCommand or ModelsCompareCommand => $"'{word}' is one word too many; it tells of one model.",
                ModelsCommand => $"'{word}' is no command of models; it must be show or compare, or nothing for a list.",
                BenchCommand => $"'{word}' is one word too many; put commas and no spaces between the items of a list.",
                _ => $"There is no command '{word}'; it must be one of " +
                    $"{string.Join(", ", _root.Subcommands.Select(command => command.Name))}.",
            };
        }

        return parsed.Errors is [ParseError error, ..] ? error.Message : null;
    }

    private static string CommandName(ParseResult parsed) =>
        parsed.CommandResult.Command switch
        {
            RootCommand => "sjd",
            ModelsShowCommand or ModelsCompareCommand => $"sjd models {parsed.CommandResult.Command.Name}",
            Command command => $"sjd {command.Name}",
        };

    /// <summary>The usual help, and below it what concerns no single option.</summary>
    private sealed class HelpWithNotes(HelpAction help) : SynchronousCommandLineAction
    {
        private const int WidestLine = 130;

        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            help.MaxWidth = Console.IsOutputRedirected ? WidestLine : Math.Min(WidestLine, Console.WindowWidth);
            int exitCode = help.Invoke(parseResult);
            parseResult.InvocationConfiguration.Output.WriteLine(parseResult.CommandResult.Command switch
            {
                GenerateCommand => GenerateCommand.Notes,
                InspectCommand => InspectCommand.Notes,
                BenchCommand => BenchCommand.Notes,
                MethodsCommand => MethodsCommand.Notes,
                CostsCommand => CostsCommand.Notes,
                ModelsCommand or ModelsShowCommand or ModelsCompareCommand => ModelsCommand.Notes,
                _ => ExitCode.Table,
            });
            return exitCode;
        }
    }
}
