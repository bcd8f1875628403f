using System.Text.Json;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;
using static System.FormattableString;

namespace SjdOnnx.Cli.Think;

/// <summary>Answers questions and prints the answers or what they cost.</summary>
/// <param name="model">The model.</param>
/// <param name="json">Whether to print one JSON object.</param>
internal sealed class ThinkRun(ThoughtModel model, bool json)
{
    public async Task AnswerAsync(string question, ThoughtOptions options, CancellationToken cancellation)
    {
        ThoughtAnswer answer = await model.AnswerAsync(question, options, cancellation);
        if (json)
        {
            Print.Data(JsonSerializer.Serialize(AnswerReport.Of(model.Description, question, answer), ThinkJson.Default.AnswerReport));
            return;
        }

        if (answer.Trace.Count > 0)
            Print.Data($"{TableOf(answer.Trace).ToText(Print.Width)}\n");
        if (answer.Steps is { Length: > 0 } steps)
            Print.Data(Printable.Text(steps));
        Print.Data(Printable.Text(answer.Text));
        string thoughts = answer.Mode == ThoughtMode.Aloud
            ? Printable.Count(answer.Tokens.Count, "token") + " written"
            : Invariant($"{Printable.Count(answer.Iterations, "iteration")} of {model.Description.Latents} thoughts");
        Print.Note(Invariant($"{thoughts}, {answer.Passes} passes over {answer.Rows} tokens and thoughts, ") +
            Invariant($"{answer.Duration.TotalMilliseconds:F1} ms."));
        if (!answer.IsComplete)
            Print.Note(Invariant($"The model did not end its answer; it was cut after {answer.Tokens.Count} tokens."));
    }

    public async Task EvaluateAsync(
        IReadOnlyList<AskedQuestion> questions, ThoughtOptions options, bool compare, IProgressDisplay display,
        CancellationToken cancellation)
    {
        ThoughtOptions[] ways = compare ? Ways() : [options];
        EvaluationReport report = await display.WaitAsync("answering", async () => new EvaluationReport(
            model.Description.Name, model.Description.Iterations, questions.Count, await MeasureAsync(questions, ways, cancellation)));
        Print.Data(json ? JsonSerializer.Serialize(report, ThinkJson.Default.EvaluationReport) : TableOf(report).ToText(Print.Width));
    }

    private ThoughtOptions[] Ways()
    {
        int[] iterations = [.. new SortedSet<int> { 0, 1, model.Description.Iterations, model.Description.Latents }];
        return
        [
            new() { Mode = ThoughtMode.Aloud },
            .. iterations.Select(static number => new ThoughtOptions { Iterations = number }),
            new() { Mode = ThoughtMode.InOrder },
        ];
    }

    /// <summary>Answers each question in all ways before the next, so that a slower moment of the machine is shared by all.</summary>
    private async Task<IReadOnlyList<WayReport>> MeasureAsync(
        IReadOnlyList<AskedQuestion> questions, ThoughtOptions[] ways, CancellationToken cancellation)
    {
        var answers = ways.Select(_ => new List<ThoughtAnswer>()).ToArray();
        foreach (ThoughtOptions way in ways)
            await AskAsync(questions[0], way); // the first run of a shape takes longer
        foreach (AskedQuestion question in questions)
        {
            for (int way = 0; way < ways.Length; way++)
                answers[way].Add(await AskAsync(question, ways[way]));
        }

        return [.. answers.Select(given => WayReport.Of(questions, given))];

        async Task<ThoughtAnswer> AskAsync(AskedQuestion question, ThoughtOptions way)
        {
            try
            {
                return await model.AnswerAsync(question.Question, way, cancellation);
            }
            catch (RequestException error)
            {
                throw new CommandException(ExitCode.Input, Invariant($"Line {question.Line} cannot be answered: {error.Message}"), error);
            }
        }
    }

    private static TextTable TableOf(IReadOnlyList<ThoughtIteration> trace)
    {
        int thoughts = trace[0].Thoughts.Count;
        var table = new TextTable(
            [new("iteration", IsNumber: true), .. Enumerable.Range(1, thoughts).Select(static i => new Column(Invariant($"thought {i}")))]);
        foreach (ThoughtIteration iteration in trace)
            table.Add([Invariant($"{iteration.Number}"), .. iteration.Thoughts.Select(state => Cell(iteration.Number, state))]);
        return table;

        static string Cell(int number, ThoughtState state) => number == 0
            ? $"'{state.Word}'"
            : Invariant($"'{state.Word}' {(state.Change == 0 ? "=" : $"{100 * state.Change:F0} %")}");
    }

    private static TextTable TableOf(EvaluationReport report)
    {
        var table = new TextTable(
            new("mode"), new("iterations", IsNumber: true), new("right", IsNumber: true), new("passes", IsNumber: true),
            new("tokens read", IsNumber: true), new("ms", IsNumber: true));
        foreach (WayReport way in report.Ways)
        {
            table.Add(
                way.Mode, Invariant($"{way.Iterations}"), Invariant($"{100 * way.Accuracy:F1} %"), Invariant($"{way.Passes:F1}"),
                Invariant($"{way.Rows:F1}"), Invariant($"{1000 * way.MedianSeconds:F2}"));
        }

        return table;
    }
}
