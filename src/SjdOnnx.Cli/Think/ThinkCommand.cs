using System.CommandLine;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;
using static SjdOnnx.Cli.Terminal.CheckedOption;

namespace SjdOnnx.Cli.Think;

/// <summary><c>sjd think</c>: answers a question with latent thoughts, shows how they settle, and measures a file of questions.</summary>
internal sealed class ThinkCommand : SjdCommand
{
    private const string DefaultModel = "sums";

    private static readonly Dictionary<string, ThoughtMode> Modes = new()
    {
        ["parallel"] = ThoughtMode.Parallel,
        ["in-order"] = ThoughtMode.InOrder,
        ["aloud"] = ThoughtMode.Aloud,
    };

    private readonly Option<string?> _mode = OneOf("--mode", "What stands between question and answer", [.. Modes.Keys], "parallel");

    private readonly Option<int?> _iterations = Number<int>("--iterations", "T",
        "Updates of the thoughts. Another number than the model's own computes another function than the trained one",
        $"a whole number from 0 to {ThoughtOptions.MaxIterations}", TheModels, static n => n is >= 0 and <= ThoughtOptions.MaxIterations);

    private readonly Option<bool> _trace = Flag("--trace",
        "Show the thoughts before the first update and after each: what each would be as a word, and how far the update moved it");

    private readonly Option<string?> _evaluate = Text("--evaluate", "FILE",
        "Answer the questions of a file and print how many answers are right, and what they cost. Each line is a JSON object with " +
        "\"question\" and \"answer\"");

    private readonly Option<bool> _compare = Flag("--compare",
        "With --evaluate, answer in every mode, and with 0, 1, the model's own number of iterations and as many as it has thoughts");

    private readonly Option<bool> _json = Flag("--json", "Print one JSON object; times are in seconds");

    private readonly Option<string?> _model = Text("--model", "DIR",
        $"Model folder, or a name that stands for onnx-models/NAME (default: {DefaultModel})");

    private readonly ModelArguments _loading = new();

    public ThinkCommand()
        : base("think", "Answers a question with a model that thinks in vectors before it speaks.")
    {
        Arguments.Add(Question);
        Add("Thinking", _mode, _iterations);
        Add("Measurement", _evaluate, _compare);
        Add("Output", _trace, _json);
        Add("Model", [_model, .. _loading.Runtime]);
        SetAction(RunAsync);
    }

    /// <summary>What is asked; null for a file of questions.</summary>
    public Argument<string?> Question { get; } = new("QUESTION")
    {
        Description = "The question, in quotes; put -- before one that starts with -",
        Arity = ArgumentArity.ZeroOrOne,
    };

    public override string Notes => """
        Modes:
          parallel  thoughts that are all updated in each pass (PCCoT, arXiv 2506.18582)
          in-order  thoughts that are computed one after another: what as many updates as thoughts compute
          aloud     steps that are written out as text, as the model's teacher in training did

        Results:
          The answer goes to standard output, and what it cost to standard error. The model was trained with one
          number of iterations, which is a part of what it computes: more of them are not better.

        Examples:
          sjd think "3+5*2-4"
          sjd think "3+5*2-4" --trace
          sjd think "3+5*2-4" --mode aloud
          sjd think --evaluate questions.jsonl --compare
        """;

    public override string ComplaintAbout(string word) => $"'{word}' is one word too many; put the whole question in quotes.";

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        (string? question, string? file) = (parsed.GetValue(Question), parsed.GetValue(_evaluate));
        bool trace = parsed.GetValue(_trace);
        var options = new ThoughtOptions
        {
            Mode = Modes[parsed.GetValue(_mode) ?? "parallel"],
            Iterations = parsed.GetValue(_iterations),
            Trace = trace,
        };
        if (Complaint(question, file, options, parsed.GetValue(_compare)) is string complaint)
            throw new CommandException(ExitCode.Usage, complaint);

        IReadOnlyList<AskedQuestion> questions = file is null ? [] : QuestionFile.Read(file);
        IProgressDisplay display = IProgressDisplay.ForStandardError();
        string folder = ModelLocation.Find(parsed.GetValue(_model) ?? DefaultModel);
        await using ThoughtModel model = await display.WaitAsync(
            $"loading {new DirectoryInfo(folder).Name}", () => ThoughtModel.LoadAsync(folder, _loading.LoadingOf(parsed), cancellation));
        Print.License(model.Description);
        if (options.Iterations is int iterations && iterations != model.Description.Iterations)
        {
            Print.Note(FormattableString.Invariant(
                $"{model.Description.Name} was trained with {model.Description.Iterations} iterations; with {iterations} it computes ") +
                "another function than the trained one.");
        }

        var run = new ThinkRun(model, parsed.GetValue(_json));
        await (file is null
            ? run.AnswerAsync(question!, options, cancellation)
            : run.EvaluateAsync(questions, options, parsed.GetValue(_compare), display, cancellation));
        return ExitCode.Done;
    }

    private static string? Complaint(string? question, string? file, ThoughtOptions options, bool compare) => (question, file) switch
    {
        (null, null) => "There is no question. Give one in quotes, or a file of them with --evaluate.",
        (not null, not null) => "There are a question and --evaluate; leave one of them out.",
        (not null, _) when compare => "--compare needs the right answers; give a file of questions with --evaluate.",
        _ when options.Iterations is not null && options.Mode != ThoughtMode.Parallel =>
            "--iterations is an option of the mode parallel; leave it or --mode out.",
        _ when options.Trace && options.Mode != ThoughtMode.Parallel =>
            "--trace is an option of the mode parallel; leave it or --mode out.",
        (_, not null) when options.Trace => "--trace shows one question; give it in place of --evaluate.",
        (_, not null) when compare && (options.Iterations is not null || options.Mode != ThoughtMode.Parallel) =>
            "--compare answers in every mode; leave --mode and --iterations out.",
        _ => null,
    };
}
