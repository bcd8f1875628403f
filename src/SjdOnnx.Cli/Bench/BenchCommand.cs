using System.CommandLine;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;
using static SjdOnnx.Cli.Terminal.CheckedOption;

namespace SjdOnnx.Cli.Bench;

/// <summary>What the user asked bench for.</summary>
internal sealed record BenchOptions
{
    /// <summary>The command line as it was typed, so that it can be repeated.</summary>
    public required string CommandLine { get; init; }

    /// <summary>A path or a name; null for the built-in model.</summary>
    public string? Model { get; init; }

    public required TextToImageOptions Loading { get; init; }

    public string? NegativePrompt { get; init; }

    /// <summary>How all images are drawn, without method, window and first guess.</summary>
    public required GenerationOptions Drawing { get; init; }

    public required IReadOnlyList<MethodDescriptor> Methods { get; init; }

    /// <summary>Whether the user named no single methods. Methods that the model does not support are then left out.</summary>
    public bool AllMethods { get; init; }

    /// <summary>The values of methods' own options.</summary>
    public required MethodValues MethodValues { get; init; }

    public required IReadOnlyList<WindowSize> Windows { get; init; }

    /// <summary>Null for the model's.</summary>
    public IReadOnlyList<Initialization>? Initializations { get; init; }

    /// <summary>Null for the model's default; empty for all.</summary>
    public IReadOnlyList<Precision>? Precisions { get; init; }

    public required IReadOnlyList<int> Batches { get; init; }

    public required IReadOnlyList<string> Prompts { get; init; }

    /// <summary>1 or more.</summary>
    public int Repeats { get; init; }

    /// <summary>Batches that each cell draws before those that count; 0 or more.</summary>
    public int Warmup { get; init; }

    /// <summary>The first image's; the others have the seeds after it.</summary>
    public ulong Seed { get; init; }

    /// <summary>The file for all measurements; null for none.</summary>
    public string? Json { get; init; }

    /// <summary>The file for table and plot; null for none.</summary>
    public string? Html { get; init; }

    /// <summary>The file for the plot; null for none.</summary>
    public string? Svg { get; init; }

    /// <summary>Draw a batch of this cell alone and print the process's peak memory; null to measure all cells.</summary>
    public int? MemoryOf { get; init; }
}

/// <summary><c>sjd bench</c>: its options and how they become <see cref="BenchOptions"/>.</summary>
internal sealed class BenchCommand : SjdCommand
{
    /// <summary>The hidden option with which bench starts itself to measure memory.</summary>
    public const string MemoryOption = "--memory-of-cell";

    private const int MaxBatch = 64;

    private static readonly WindowSize[] UsualWindows = [4, 8, 16, 32, WindowSize.Auto];

    // Things that general models have seen, and the built-in one as well.
    private static readonly string[] UsualPrompts =
    [
        "a fox on a blue background",
        "a rocket above a cat on a black background",
        "four strawberries on a pink background",
        "a dog left of a butterfly on a green background",
        "a house on a white background",
        "a lemon above an octopus on a yellow background",
        "four clocks on a teal background",
        "a star left of a key on a purple background",
    ];

    private readonly DecodingMethods _all;

    private readonly Option<IReadOnlyList<string>?> _methods;

    private readonly Option<IReadOnlyList<WindowSize>?> _windows = List("--windows", "N,M", "Drafts that a forward pass judges",
        WindowRange(1), string.Join(',', UsualWindows), CheckedOption.Windows(1));

    private readonly Option<IReadOnlyList<string>?> _initializations = Names("--inits",
        "First guesses at tokens that no pass has predicted yet",
        [.. Initialization.All.Select(initialization => initialization.Name)], TheModels);

    private readonly Option<IReadOnlyList<Precision>?> _precisions = Of("--precisions", "A,B",
        $"Precisions of the model's weights, or {All} (default: {TheModels})", (string text, out IReadOnlyList<Precision>? value) =>
        {
            string[] names = text == All ? [] : [.. text.Split(',').Distinct()];
            value = [.. names.Where(name => Runtime.Precision.TryParse(name, out _)).Select(Runtime.Precision.Parse)];
            return value.Count == names.Length
                ? null
                : $" is '{text}'; it must be {All}, or names such as fp32 and int8 with commas between.";
        });

    private readonly Option<IReadOnlyList<int>?> _batches = List<int>("--batches", "N,M", "Images that share a forward pass",
        $"a whole number from 1 to {MaxBatch}", "1", Whole(1, MaxBatch));

    private readonly Option<string?> _prompts =
        Text("--prompts", "FILE", "Text file with a prompt on each line (default: eight built-in prompts)");

    private readonly Option<int?> _repeats = Number<int>("--repeats", "N", "Images of each prompt, each with its own seed",
        "a whole number from 1 to 1000", "3", static n => n is >= 1 and <= 1000);

    private readonly Option<ulong?> _seed = Number<ulong>("--seed", "N", "The first image's seed; the others have the seeds after it",
        $"a whole number from 0 to {ulong.MaxValue}", "0", static _ => true);

    private readonly Option<int?> _warmup = Number<int>("--warmup", "N", "Batches that each combination draws before those that count",
        "a whole number from 0 to 100", "1", static n => n is >= 0 and <= 100);

    private readonly MethodArguments _methodArguments;

    private readonly DrawingArguments _drawing = new();

    private readonly ModelArguments _model = new();

    private readonly Option<string?> _json = Text("--json", "FILE", "Write every measurement as JSON");

    private readonly Option<string?> _html = Text("--html", "FILE", "Write table and plot as a web page");

    private readonly Option<string?> _svg = Text("--svg", "FILE", "Write the plot as SVG");

    private readonly Option<int?> _memoryOf = Number<int>(MemoryOption, "N", "", "a number, 0 or more", "", static n => n >= 0);

    /// <param name="methods">The decoding methods to choose from.</param>
    public BenchCommand(DecodingMethods methods)
        : base("bench", "Compares decoding methods, windows, precisions and batches on this machine.")
    {
        _all = methods;
        _methodArguments = new MethodArguments(methods, lists: true);
        _methods = Names(
            "--methods", $"Decoding methods, which sjd methods explains; {_methodArguments.Lossy} are lossy", methods.Names, All);
        _memoryOf.Hidden = true;

        Add("Comparison", _methods, _windows, _initializations, _precisions, _batches);
        Add("Options of single decoding methods", _methodArguments.Options);
        Add("Images", [_prompts, _repeats, _seed, _warmup, .. _drawing.Options]);
        Add("Model", [_model.Model, .. _model.Runtime]);
        Add("Files", _json, _html, _svg, _memoryOf);
        SetAction((parsed, cancellation) => BenchRun.RunAsync(Read(parsed), cancellation));
    }

    public override string Notes => $"""
        Results:
          Standard output gets a table, as Markdown if it is a file; standard error gets everything else. Each
          combination of method, window, precision and batch draws the same images. The combinations take turns,
          so that a busy machine slows all of them alike. The method ar always takes part, because the others are
          compared with it. All precisions are in memory at once; measure one at a time if they do not fit.

        {BenchReport.Legend}

        Examples:
          sjd bench --methods sjd,mc,exact --windows 8,16,32
          sjd bench --precisions all --prompts prompts.txt --repeats 3 --json bench.json --html bench.html
        """;

    public override string ComplaintAbout(string word) =>
        $"'{word}' is one word too many; put commas and no spaces between the items of a list.";

    private BenchOptions Read(ParseResult parsed)
    {
        IReadOnlyList<string> methods = parsed.GetValue(_methods) ?? _all.Names;
        var options = new BenchOptions
        {
            CommandLine = "sjd " + string.Join(' ', parsed.Tokens.Select(token => Quoted(token.Value))),
            Model = _model.ModelOf(parsed),
            Loading = _model.LoadingOf(parsed),
            NegativePrompt = _drawing.NegativePrompt(parsed),
            Drawing = _drawing.Read(parsed),
            Methods = [.. methods.Select(name => _all[name])],
            AllMethods = methods.Count == _all.Names.Count,
            MethodValues = _methodArguments.Read(parsed),
            Windows = parsed.GetValue(_windows) ?? UsualWindows,
            Initializations = parsed.GetValue(_initializations)?.Select(Initialization.Parse).ToArray(),
            Precisions = parsed.GetValue(_precisions),
            Batches = parsed.GetValue(_batches) ?? [1],
            Prompts = parsed.GetValue(_prompts) is string file ? ReadPrompts(file) : UsualPrompts,
            Repeats = parsed.GetValue(_repeats) ?? 3,
            Warmup = parsed.GetValue(_warmup) ?? 1,
            Seed = parsed.GetValue(_seed) ?? 0,
            Json = parsed.GetValue(_json),
            Html = parsed.GetValue(_html),
            Svg = parsed.GetValue(_svg),
            MemoryOf = parsed.GetValue(_memoryOf),
        };
        options.MethodValues.CheckFor(options.Methods);
        return options;
    }

    private static string Quoted(string argument) => argument.Any(char.IsWhiteSpace) ? $"\"{argument}\"" : argument;

    /// <summary>The lines of a file that are not blank.</summary>
    /// <exception cref="CommandException">There is no such file, or it has no prompt.</exception>
    private static string[] ReadPrompts(string path)
    {
        string[] prompts;
        try
        {
            prompts = [.. File.ReadLines(path).Select(line => line.Trim()).Where(line => line.Length > 0)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Input,
                $"--prompts '{path}' cannot be read: {InputFile.Reason(path, error)}; give a text file with a prompt on each line.", error);
        }

        return prompts.Length > 0
            ? prompts
            : throw new CommandException(ExitCode.Input, $"--prompts '{path}' has no prompt; it must have one on each line.");
    }
}
