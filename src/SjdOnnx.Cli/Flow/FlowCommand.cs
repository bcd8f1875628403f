using System.CommandLine;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Flows;
using static SjdOnnx.Cli.Terminal.CheckedOption;

namespace SjdOnnx.Cli.Flow;

/// <summary><c>sjd flow</c>: samples images from a flow, compares the ways to do so, and measures a plan.</summary>
internal sealed class FlowCommand : SjdCommand
{
    private const string DefaultModel = "shapes";
    private const string Whole = "a whole number from";

    private readonly Option<string?> _output = Text("--output", "FILE",
        "The PNG file of the sample, or of a grid with all samples; an existing one is replaced", "-o");

    private readonly Option<string?> _folder = Text("--folder", "DIR", "A folder for each sample in a PNG file of its own");

    private readonly Option<int?> _enlarge = Number<int>("--enlarge", "N", "Pixels of the file for each pixel of a sample, across and down",
        $"{Whole} 1 to 64", "1", static n => n is >= 1 and <= 64);

    private readonly Option<string?> _class = Text("--class", "NAME",
        "The class by name or number; all for each class in turn, none for samples of any class (default: all)");

    private readonly Option<ulong?> _seed = Number<ulong>("--seed", "N", "Selects the series of samples",
        $"{Whole} 0 to {ulong.MaxValue}", "0", static _ => true);

    private readonly Option<int?> _count = Number<int>("--count", "N", "Samples of the series, from its first one on",
        $"{Whole} 1 to 1000000", "one for each class", static n => n is >= 1 and <= 1_000_000);

    private readonly Option<float?> _guidance = Number<float>("--guidance", "G", "Guidance towards the class; 0 is none",
        "a number from 0 to 100", "0", static g => g is >= 0 and <= 100);

    private readonly Option<string?> _schedule = OneOf("--schedule",
        "Whether guidance rises from 0 at the first token to its full strength at the last", ["annealed", "constant"], "annealed");

    private readonly Option<float?> _temperature = Number<float>("--temperature", "T",
        "Temperature of attention in guidance's runs without a class", "a number above 0, up to 100", "1", static t => t is > 0 and <= 100);

    private readonly Option<float?> _denoise = Number<float>("--denoise", "M",
        "How far the noise of the training images is removed from the image; 0 keeps it", "a number from 0 to 2",
        "1 if the model's noise is known", static m => m is >= 0 and <= 2);

    private readonly Option<string?> _way = OneOf("--way", "How blocks are solved", FlowWay.Names, FlowWay.Auto);

    private readonly Option<string?> _plan = Text("--plan", "FILE",
        "A plan for each block, as --measure writes it, for the ways auto and gs");

    private readonly Option<int?> _segments = Number<int>("--segments", "G", "Segments of each block for the way gs without a plan",
        $"{Whole} 1 on that divides the tokens", "8", static n => n >= 1);

    private readonly Option<double?> _tolerance = Number<double>("--tolerance", "X",
        "A segment stands once an update changes no number by more", "a number, 0 or more",
        FormattableString.Invariant($"{BlockPlan.DefaultTolerance}"), static x => x >= 0);

    private readonly Option<int?> _updates = Number<int>("--updates", "N", "The most updates of a segment",
        $"{Whole} 1 on", "as many as it has tokens", static n => n >= 1);

    private readonly Option<string?> _guess = OneOf("--guess", "What an iteration starts from", ["noise", "zeros"], "noise");

    private readonly Option<string?> _commit = OneOf("--commit",
        "What a segment leaves in the cache: the last pass's keys and values, or, for one more pass, those of the solution",
        ["stale", "refresh"], "stale");

    private readonly Option<float?> _limit = Number<float>("--limit", "X", "The largest magnitude of a number after an update; the " +
        "published sampler has 3", "a number above 0", "no limit", static x => x > 0);

    private readonly Option<bool> _compare = Flag("--compare",
        "Draw each sample in four ways, and print differences to one token after another, calls, tokens read and seconds");

    private readonly Option<bool> _accuracy = Flag("--accuracy",
        "Print how many samples are likeliest, by the model's own density, in the class that they were drawn for");

    private readonly Option<string?> _measure = Text("--measure", "FILE",
        "Measure the blocks on --count samples, print what was measured, and write the fastest plan to a file");

    private readonly Option<bool> _json = Flag("--json",
        "Print one JSON object; times are in seconds, and a number that overflowed is \"Infinity\"");

    private readonly Option<string?> _model = Text("--model", "DIR",
        $"Model folder, or a name that stands for onnx-models/NAME (default: {DefaultModel})");

    private readonly ModelArguments _loading = new();

    public FlowCommand()
        : base("flow", "Samples images from a flow: noise becomes an image, block by block.")
    {
        Add("Sampling", _class, _seed, _count, _guidance, _schedule, _temperature, _denoise);
        Add("Way", _way, _plan, _segments, _tolerance, _updates, _guess, _commit, _limit);
        Add("Measurement", _compare, _accuracy, _measure);
        Add("Output", _output, _folder, _enlarge, _json);
        Add("Model", [_model, .. _loading.Runtime]);
        SetAction(RunAsync);
    }

    public override string Notes => """
        Ways:
          sequential  one token after another, which all others approach
          jacobi      all tokens of a block at once, updated until they stand
          gs          Gauss-Seidel-Jacobi (arXiv 2505.12849): segments one after another, each updated until it stands
          sejd        SeJD (arXiv 2505.24791): the first block sequential, all others jacobi
          auto        the plan of --plan or the model's plan.json; without one, sequential

        Examples:
          sjd flow -o shapes.png --enlarge 4
          sjd flow --class star --count 16 --seed 7 --guidance 1 -o stars.png
          sjd flow --compare
          sjd flow --measure plan.json
        """;

    public override string ComplaintAbout(string word) => $"'{word}' is one word too many; flow takes only options.";

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var run = new FlowRun
        {
            Model = ModelLocation.Find(parsed.GetValue(_model) ?? DefaultModel),
            Loading = _loading.LoadingOf(parsed),
            Class = parsed.GetValue(_class),
            Seed = parsed.GetValue(_seed) ?? 0,
            Count = parsed.GetValue(_count),
            Guidance = new FlowGuidance
            {
                Strength = parsed.GetValue(_guidance) ?? 0,
                Schedule = parsed.GetValue(_schedule) == "constant" ? GuidanceSchedule.Constant : GuidanceSchedule.Annealed,
                Temperature = parsed.GetValue(_temperature) ?? 1,
            },
            Denoising = parsed.GetValue(_denoise),
            Way = new FlowWay(parsed.GetValue(_way) ?? FlowWay.Auto, parsed.GetValue(_plan), parsed.GetValue(_segments) ?? 8, new BlockPlan
            {
                MaxUpdates = parsed.GetValue(_updates),
                Tolerance = parsed.GetValue(_tolerance) ?? BlockPlan.DefaultTolerance,
                Guess = parsed.GetValue(_guess) == "zeros" ? InitialGuess.Zeros : InitialGuess.Noise,
                Commit = parsed.GetValue(_commit) == "refresh" ? CacheCommit.Refresh : CacheCommit.Stale,
                Limit = parsed.GetValue(_limit),
            }),
            WantsAccuracy = parsed.GetValue(_accuracy),
            Output = parsed.GetValue(_output),
            Folder = parsed.GetValue(_folder),
            Enlarge = parsed.GetValue(_enlarge) ?? 1,
            Json = parsed.GetValue(_json),
        };
        string? measure = parsed.GetValue(_measure);
        bool compare = parsed.GetValue(_compare);
        if (measure is not null && (compare || run.WantsAccuracy || run.Output is not null || run.Folder is not null))
        {
            throw new CommandException(ExitCode.Usage,
                "--measure writes a plan and no samples; leave --compare, --accuracy, --output and --folder out.");
        }
        if (compare && (run.WantsAccuracy || run.Output is not null || run.Folder is not null))
            throw new CommandException(ExitCode.Usage, "--compare writes no samples; leave --accuracy, --output and --folder out.");
        await (measure is not null ? run.MeasureAsync(measure, cancellation)
            : compare ? run.CompareAsync(cancellation)
            : run.SampleAsync(cancellation));
        return ExitCode.Done;
    }
}
