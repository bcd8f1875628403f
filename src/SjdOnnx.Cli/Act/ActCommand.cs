using System.CommandLine;
using System.Text.Json;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;
using SjdOnnx.Actions;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;
using static System.FormattableString;
using static SjdOnnx.Cli.Terminal.CheckedOption;

namespace SjdOnnx.Cli.Act;

/// <summary><c>sjd act</c>: runs a policy in the built-in task, or once on a picture.</summary>
internal sealed class ActCommand : SjdCommand
{
    private const string DefaultModel = "reach";

    private static readonly int[] ComparedExits = [2, 4, 8, 12, 16];

    private static readonly Dictionary<string, ActionWay> Ways =
        Enum.GetValues<ActionWay>().ToDictionary(WayReport.NameOf, static way => way);

    private readonly Option<string?> _picture = Text("--picture", "FILE", "A PNG, JPEG or WebP file: what the policy sees");

    private readonly Option<string?> _decoding = OneOf(
        "--decoding", "How the tokens of actions are decoded", [.. Ways.Keys], "jacobi");

    private readonly Option<int?> _exit = Number<int>(
        "--exit", "N", "Stop after so many passes over the window (CEED-VLA's exit point) and take the tokens as they are",
        "a whole number, 1 or more", "when no token changes", static n => n >= 1);

    private readonly Option<int?> _episodes = Number<int>(
        "--episodes", "N", "Attempts at the built-in task", "a whole number from 1 to 100000", "20", static n => n is >= 1 and <= 100_000);

    private readonly Option<ulong?> _seed = Number<ulong>(
        "--seed", "N", "Seed of the tables and of the first guesses", "a whole number, 0 or more", "0", static _ => true);

    private readonly Option<bool> _compare = Flag("--compare", "Run the same episodes in every way, and with several exit points");

    private readonly Option<string?> _replay = Text("--replay", "FILE", "Write the first episode as an animated GIF");

    private readonly Option<bool> _json = Flag("--json", "Print one JSON object");

    private readonly ModelArguments _model = new();

    private readonly Option<Precision?> _precision = Precision("--precision");

    public ActCommand()
        : base("act", "Runs a policy: from a picture and an instruction to actions.")
    {
        Arguments.Add(Instruction);
        Add("Task", _picture, _episodes, _seed, _replay);
        Add("Decoding", _decoding, _exit, _compare);
        Add("Model", [_model.Model, _precision, .. _model.Runtime]);
        Add("Output", _json);
        SetAction(RunAsync);
    }

    /// <summary>What the policy is told.</summary>
    public Argument<string?> Instruction { get; } = new("INSTRUCTION")
    {
        Description = "What the policy is told about --picture, in quotes; without it, the policy runs episodes of the built-in task",
        Arity = ArgumentArity.ZeroOrOne,
    };

    public override string Notes => """
        Results:
          For episodes a table: the ways to decode, how many attempts succeeded, passes over the window per answer
          (and the fewest and most), rows, and tokens per second. Every answer counts. For a picture the numbers of
          each action, one action a line. The default model is onnx-models/reach.

        Examples:
          sjd act --episodes 100 --compare
          sjd act --decoding jacobi --exit 4 --replay episode.gif
          sjd act "put the red block on the pad" --picture table.png
        """;

    public override string ComplaintAbout(string word) => $"'{word}' is one word too many; put the instruction in quotes.";

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        Check(parsed);
        string? replay = parsed.GetValue(_replay);
        if (replay is not null)
            OutputFile.CheckWritable(replay);
        TextToImageOptions loading = _model.LoadingOf(parsed);
        var options = new PolicyLoadOptions
        {
            Provider = loading.Provider,
            ProviderOptions = loading.ProviderOptions,
            Threads = loading.Threads,
            HashVerification = loading.HashVerification,
            Precision = parsed.GetValue(_precision),
        };
        RgbImage? picture = parsed.GetValue(_picture) is string path ? Read(path) : null;
        using PolicyModel policy = await PolicyModel.LoadAsync(
            ModelLocation.Find(_model.ModelOf(parsed) ?? DefaultModel), options, cancellation);
        Print.License(policy.Description);
        ulong seed = parsed.GetValue(_seed) ?? 0;
        return await Task.Run(
            () => picture is null
                ? RunEpisodes(parsed, policy, seed, replay, cancellation)
                : RunOnce(parsed, policy, picture, seed, cancellation),
            cancellation);
    }

    private void Check(ParseResult parsed)
    {
        bool hasPicture = parsed.GetValue(_picture) is not null;
        if (hasPicture != parsed.GetValue(Instruction) is not null)
        {
            throw new CommandException(ExitCode.Usage, hasPicture
                ? "--picture needs an instruction; give it in quotes."
                : "An instruction needs --picture FILE; leave it out to run episodes.");
        }

        foreach (Option option in (Option[])[_episodes, _replay, _compare])
        {
            if (hasPicture && parsed.GetResult(option) is { Implicit: false })
                throw new CommandException(ExitCode.Usage, $"{option.Name} is about episodes; leave it out, or leave out --picture.");
        }

        if (parsed.GetValue(_compare) && (parsed.GetValue(_decoding) ?? (object?)parsed.GetValue(_exit)) is not null)
            throw new CommandException(ExitCode.Usage, "--compare runs every way; leave out --decoding and --exit, or --compare.");
        if (parsed.GetValue(_exit) is not null && WayOf(parsed) == ActionWay.Autoregressive)
            throw new CommandException(ExitCode.Usage, "--exit is an option of jacobi and shrinking; leave it out for ar.");
        if (parsed.GetValue(_replay) is string replay && Path.GetExtension(replay).ToLowerInvariant() is not ".gif")
            throw new CommandException(ExitCode.Usage, $"--replay is '{replay}'; the file must end with .gif.");
    }

    private ActionWay WayOf(ParseResult parsed) => Ways[parsed.GetValue(_decoding) ?? WayReport.NameOf(ActionWay.Jacobi)];

    private ActionDecoding DecodingOf(ParseResult parsed) => new() { Way = WayOf(parsed), Exit = parsed.GetValue(_exit) };

    private int RunOnce(ParseResult parsed, PolicyModel policy, RgbImage picture, ulong seed, CancellationToken cancellation)
    {
        PolicyAnswer answer = policy.Act(
            picture, parsed.GetValue(Instruction)!, DecodingOf(parsed), seed, cancellation: cancellation);
        ActionAnswer decoded = answer.Decoded;
        if (parsed.GetValue(_json))
        {
            var report = new AnswerReport(answer.Actions, decoded.Ids, decoded.Passes, decoded.Rows, decoded.HasConverged);
            Print.Data(JsonSerializer.Serialize(report, ActReportJson.Default.AnswerReport));
            return ExitCode.Done;
        }

        foreach (IReadOnlyList<double> action in answer.Actions)
            Print.Data(string.Join(' ', action.Select(static number => Invariant($"{number:0.######}"))));
        string end = decoded.HasConverged ? "no token changes any more" : "the exit point was reached";
        Print.Note(Invariant($"{decoded.Passes} passes over the window, {decoded.Rows} rows; {end}."));
        return ExitCode.Done;
    }

    private int RunEpisodes(ParseResult parsed, PolicyModel policy, ulong seed, string? replay, CancellationToken cancellation)
    {
        if (!policy.Description.KnowsBlockTable)
        {
            throw new CommandException(ExitCode.Request,
                $"{policy.Description.Name} was not trained on the built-in task; give it an instruction and --picture.");
        }

        int count = parsed.GetValue(_episodes) ?? 20;
        ActionDecoding[] decodings = parsed.GetValue(_compare)
            ? [ActionDecoding.Autoregressive, ActionDecoding.Jacobi, ActionDecoding.Shrinking,
                .. ComparedExits.Select(static exit => ActionDecoding.Jacobi with { Exit = exit })]
            : [DecodingOf(parsed)];
        Episode.Run(policy, decodings[0], seed, 0, watch: null, cancellation); // so that no time holds what happens once
        var ways = decodings.Select(static _ => new List<Episode>()).ToArray();
        using var frames = new Replay();
        for (uint number = 0; number < count; number++) // ways take turns, so that a busy machine slows all of them
        {
            for (int way = 0; way < decodings.Length; way++)
            {
                Action<BlockTable>? watch = replay is not null && number == 0 && way == 0 ? frames.Add : null;
                ways[way].Add(Episode.Run(policy, decodings[way], seed, number, watch, cancellation));
            }
        }

        if (replay is not null)
            frames.Write(replay);
        WayReport[] reports = [.. decodings.Zip(ways, WayReport.Of)];
        Print.Data(parsed.GetValue(_json)
            ? JsonSerializer.Serialize(
                new EpisodesReport(policy.Description.Name, policy.Description.Precision.Name, seed, reports),
                ActReportJson.Default.EpisodesReport)
            : TableOf(reports).ToText(Print.Width));
        if (replay is not null)
            Print.Note($"The first episode is in {replay}.");
        return ExitCode.Done;
    }

    private static TextTable TableOf(WayReport[] reports)
    {
        var text = new TextTable(
            new("decoding"), new("exit", IsNumber: true), new("done", IsNumber: true), new("passes", IsNumber: true),
            new("fewest-most", IsNumber: true), new("rows", IsNumber: true), new("ms per answer", IsNumber: true),
            new("tokens/s", IsNumber: true));
        foreach (WayReport way in reports)
        {
            text.Add(
                way.Decoding, way.Exit is int exit ? Invariant($"{exit}") : "-", Invariant($"{way.Done}/{way.Episodes}"),
                Invariant($"{way.Passes:F2}"), Invariant($"{way.FewestPasses}-{way.MostPasses}"), Invariant($"{way.Rows:F1}"),
                Invariant($"{1000 * (way.Reading + way.DecodingSeconds):F2}"), Invariant($"{way.TokensPerSecond:F0}"));
        }

        return text;
    }

    /// <exception cref="CommandException">The file cannot be read, or is not a picture.</exception>
    private static RgbImage Read(string path)
    {
        try
        {
            using Image<Rgb24> image = Image.Load<Rgb24>(path);
            var pixels = new byte[checked(image.Width * image.Height * 3)];
            image.CopyPixelDataTo(pixels);
            return new RgbImage(image.Width, image.Height, pixels);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Input, $"'{path}' cannot be read: {InputFile.Reason(path, error)}.", error);
        }
        catch (Exception error) when (error is ImageFormatException or OverflowException)
        {
            throw new CommandException(ExitCode.Input, $"'{path}' is not a whole PNG, JPEG or WebP picture.", error);
        }
    }
}
