using System.CommandLine;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;
using static SjdOnnx.Cli.CheckedOption;

namespace SjdOnnx.Cli.Bench;

/// <summary><c>sjd bench</c>: its options and how they become <see cref="BenchOptions"/>.</summary>
internal sealed class BenchCommand : Command
{
    /// <summary>What --help says below the options.</summary>
    public const string Notes = $"""
        Output:
          Standard output holds a table, in Markdown unless it goes to a terminal; standard error all else. Every method, window, precision
          and batch draws the same pictures, in turns, and ar always takes part: it is what the others are compared with. All precisions
          are in memory at once; where that is too much, measure one at a time.

        {BenchTable.Legend}

        {ExitCode.Table}

        Examples:
          sjd bench --methods sjd,mc,exact --windows 8,16,32
          sjd bench --precisions all --prompts prompts.txt --repeats 3 --json bench.json --html bench.html
        """;

    private const int LargestBatch = 64;

    private static readonly WindowSize[] UsualWindows = [4, 8, 16, 32, WindowSize.Auto];

    private readonly ModelArguments _model = new();

    private readonly Option<IReadOnlyList<string>?> _methods = Names("--methods",
        $"Decoding methods, of which {string.Join(", ", MethodList.Lossy)} are lossy", DecodingMethods.Names, All);

    private readonly Option<IReadOnlyList<WindowSize>?> _windows = List("--windows", "N,M", "Drafts that one forward pass judges",
        WindowRange(1), string.Join(',', UsualWindows), Windows(1));

    private readonly Option<IReadOnlyList<string>?> _initialisations = Names("--inits",
        "First guesses at tokens that no pass has predicted",
        [.. Initialisation.All.Select(initialisation => initialisation.Name)], TheModels);

    private readonly Option<string?> _precisions = Text("--precisions", "", "A,B",
        $"Which of the model's transformers to run, with commas between, or {All} [default: {TheModels}]");

    private readonly Option<IReadOnlyList<int>?> _batches = List<int>("--batches", "N,M", "Pictures that share a forward pass",
        $"a whole number from 1 to {LargestBatch}", "1", Whole(1, LargestBatch));

    private readonly Option<string?> _prompts = Text("--prompts", "", "FILE",
        "What to draw, a prompt on each line [default: eight of its own]");

    private readonly Option<int?> _repeats = Number<int>("--repeats", "N", "Pictures of each prompt, each with a seed of its own",
        "a whole number from 1 to 1000", "3", n => n is >= 1 and <= 1000);

    private readonly Option<int?> _warmup = Number<int>("--warmup", "N", "Batches that each draws before those that count",
        "a whole number from 0 to 100", "1", n => n is >= 0 and <= 100);

    private readonly Option<ulong?> _seed = Number<ulong>("--seed", "N", "Of the first picture; the others have the seeds after it",
        $"a whole number from 0 to {ulong.MaxValue}", "0", _ => true);

    private readonly MethodArguments _methodOptions = new();

    private readonly Option<IReadOnlyList<int>?> _denoisingSteps = List<int>("--denoising-steps", "K,L",
        MethodArguments.DenoisingDescription, MethodArguments.DenoisingRange, TheModels, Whole(1, DecodingOptions.LargestWindow));

    private readonly SamplingArguments _sampling = new();

    private readonly Option<string?> _json = Text("--json", "", "FILE", "Write every measurement as JSON");

    private readonly Option<string?> _html = Text("--html", "", "FILE", "Write plot and table as a page");

    private readonly Option<string?> _svg = Text("--svg", "", "FILE", "Write the plot as an SVG");

    public BenchCommand()
        : base("bench", "Compares decoding methods, windows, precisions and batches on this machine.")
    {
        Option[] options = [_model.Model, _methods, _windows, _initialisations, _precisions, _batches, _prompts, _repeats, _warmup, _seed,
            .. _methodOptions.Options, _denoisingSteps, .. _sampling.Options, .. _model.Runtime, _json, _html, _svg];
        foreach (Option option in options)
            Options.Add(option);

        SetAction((parsed, cancellation) => Comparison.RunAsync(Read(parsed), cancellation));
    }

    private BenchOptions Read(ParseResult parsed) => new()
    {
        CommandLine = "sjd " + string.Join(' ', parsed.Tokens.Select(token => Quoted(token.Value))),
        Model = _model.ModelOf(parsed),
        Loading = _model.LoadingOf(parsed),
        Request = _sampling.Complete(_methodOptions.Complete(new GenerationRequest { Prompt = "" }, parsed), parsed),
        Methods = parsed.GetValue(_methods) ?? DecodingMethods.Names,
        AllMethods = parsed.GetValue(_methods) is null || parsed.GetValue(_methods)!.Count == DecodingMethods.Names.Count,
        Windows = parsed.GetValue(_windows) ?? UsualWindows,
        Initialisations = parsed.GetValue(_initialisations),
        DenoisingSteps = parsed.GetValue(_denoisingSteps),
        Precisions = parsed.GetValue(_precisions) is string precisions ? [.. precisions.Split(',').Distinct()] : null,
        Batches = parsed.GetValue(_batches) ?? [1],
        Prompts = parsed.GetValue(_prompts) is string file ? PromptFile.Read(file) : PromptFile.BuiltIn,
        Repeats = parsed.GetValue(_repeats) ?? 3,
        Warmup = parsed.GetValue(_warmup) ?? 1,
        Seed = parsed.GetValue(_seed) ?? 0,
        Json = parsed.GetValue(_json),
        Html = parsed.GetValue(_html),
        Svg = parsed.GetValue(_svg),
    };

    private static string Quoted(string argument) => argument.Any(char.IsWhiteSpace) ? $"\"{argument}\"" : argument;
}
