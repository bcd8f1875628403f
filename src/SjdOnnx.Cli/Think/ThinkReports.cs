using System.Text.Json.Serialization;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Think;

/// <summary>What think --json prints about a question.</summary>
/// <param name="TrainedIterations">The number that the model was trained with.</param>
/// <param name="Trace">The thoughts before the first update and after each; empty without --trace.</param>
internal sealed record AnswerReport(
    string Model, string Question, string Answer, string? Steps, bool IsComplete, string Mode, int Iterations, int TrainedIterations,
    IReadOnlyList<int> Tokens, int Passes, int Rows, double Seconds, IReadOnlyList<ThoughtIteration> Trace)
{
    public static AnswerReport Of(ThoughtModelDescription model, string question, ThoughtAnswer answer) => new(
        model.Name, question, answer.Text, answer.Steps, answer.IsComplete, WayReport.NameOf(answer.Mode), answer.Iterations,
        model.Iterations, answer.Tokens, answer.Passes, answer.Rows, answer.Duration.TotalSeconds, answer.Trace);
}

/// <summary>What think --evaluate --json prints.</summary>
internal sealed record EvaluationReport(string Model, int TrainedIterations, int Questions, IReadOnlyList<WayReport> Ways);

/// <summary>A way to answer the questions of a file.</summary>
/// <param name="Accuracy">The share of answers that are right, 0 to 1.</param>
/// <param name="Passes">Passes of a question, on average.</param>
/// <param name="Rows">Tokens and thoughts that they read, on average.</param>
/// <param name="Seconds">Of all questions.</param>
/// <param name="MedianSeconds">Of a question.</param>
internal sealed record WayReport(
    string Mode, int Iterations, double Accuracy, double Passes, double Rows, double Seconds, double MedianSeconds)
{
    public static WayReport Of(IReadOnlyList<AskedQuestion> questions, IReadOnlyList<ThoughtAnswer> answers)
    {
        double[] seconds = [.. answers.Select(static answer => answer.Duration.TotalSeconds).Order()];
        return new WayReport(
            NameOf(answers[0].Mode), answers[0].Iterations,
            questions.Zip(answers).Count(static pair => pair.First.Answer == pair.Second.Text) / (double)questions.Count,
            answers.Average(static answer => answer.Passes), answers.Average(static answer => answer.Rows), seconds.Sum(),
            seconds[seconds.Length / 2]);
    }

    public static string NameOf(ThoughtMode mode) => mode switch
    {
        ThoughtMode.Parallel => "parallel",
        ThoughtMode.InOrder => "in-order",
        _ => "aloud",
    };
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(AnswerReport))]
[JsonSerializable(typeof(EvaluationReport))]
internal sealed partial class ThinkJson : JsonSerializerContext;
