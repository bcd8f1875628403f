using System.Text.Json;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime.Tests.Thoughts;

namespace SjdOnnx.Cli.Tests.Think;

public class ThinkTests
{
    private const string Lines = """
        {"question": "3+5*2", "steps": [" 3+5=1", " 1*2=2"], "answer": "2"}

        {"question": "6-2*3", "answer": "4"}
        """; // the second answer is wrong: it is 5

    [ThoughtFact]
    public async Task A_question_is_answered_on_standard_output_and_its_cost_noted()
    {
        using var sjd = new Sjd();
        Finished done = await sjd.RunAsync("think", "3+5*2");
        Assert.Equal((ExitCode.Done, "2\n"), (done.ExitCode, done.Output));
        Assert.Matches("^[0-9]+ iterations of 6 thoughts, [0-9]+ passes over [0-9]+ tokens and thoughts, [0-9.]+ ms[.]\n$", done.Error);
        Assert.Empty(sjd.Files);
    }

    [ThoughtFact]
    public async Task A_trace_has_a_line_for_each_iteration_and_a_column_for_each_thought()
    {
        using var sjd = new Sjd();
        Finished done = await sjd.RunAsync("think", "3+5*2", "--trace", "--iterations", "2");
        string[] lines = done.Output.Split('\n');
        Assert.Contains("| iteration | thought 1 ", lines[0], StringComparison.Ordinal);
        Assert.Matches(@"\| thought 6 +\|$", lines[0]);
        Assert.Equal(["0", "1", "2"], lines[2..5].Select(static line => line.Split('|')[1].Trim()));
        Assert.Matches(@"'[^']*' = +\|", lines[3]);
        Assert.Contains("was trained with", done.Error, StringComparison.Ordinal);
        Assert.Contains("another function than the trained one", done.Error, StringComparison.Ordinal);
    }

    [ThoughtFact]
    public async Task Json_has_the_answer_the_cost_and_the_thoughts()
    {
        using var sjd = new Sjd();
        Finished done = await sjd.RunAsync("think", "--json", "--trace", "--iterations", "4", "--", "3+5*2");
        JsonElement answer = JsonElement.Parse(done.Output);
        Assert.Equal(
            ["model", "question", "answer", "steps", "is_complete", "mode", "iterations", "trained_iterations", "tokens", "passes", "rows",
                "seconds", "trace"],
            answer.EnumerateObject().Select(static member => member.Name));
        Assert.Equal("3+5*2", answer.GetProperty("question").GetString());
        Assert.Equal(("parallel", 4), (answer.GetProperty("mode").GetString(), answer.GetProperty("iterations").GetInt32()));
        Assert.Equal(5, answer.GetProperty("trace").GetArrayLength());
        Assert.Equal(6, answer.GetProperty("trace")[0].GetProperty("thoughts").GetArrayLength());
    }

    [ThoughtFact]
    public async Task A_file_of_questions_is_measured_in_every_mode()
    {
        using var sjd = new Sjd();
        await File.WriteAllTextAsync(sjd.PathOf("questions.jsonl"), Lines);
        Finished done = await sjd.RunAsync("think", "--evaluate", "questions.jsonl", "--compare", "--json");
        Assert.True(done.ExitCode == ExitCode.Done, done.Error);
        JsonElement report = JsonElement.Parse(done.Output);
        Assert.Equal(2, report.GetProperty("questions").GetInt32());
        JsonElement[] ways = [.. report.GetProperty("ways").EnumerateArray()];
        Assert.Equal(
            ["aloud", "parallel", "parallel", "parallel", "parallel", "in-order"],
            ways.Select(static way => way.GetProperty("mode").GetString()));
        JsonElement trained = ways.Single(way => way.GetProperty("mode").GetString() == "parallel"
            && way.GetProperty("iterations").GetInt32() == report.GetProperty("trained_iterations").GetInt32());
        Assert.Equal(0.5, trained.GetProperty("accuracy").GetDouble());
        Assert.Equal(ways[^2].GetProperty("accuracy").GetDouble(), ways[^1].GetProperty("accuracy").GetDouble());
        Assert.True(ways[0].GetProperty("passes").GetDouble() > trained.GetProperty("passes").GetDouble());
    }

    [ThoughtFact]
    public async Task Files_and_models_that_cannot_be_used_end_in_a_sentence()
    {
        using var sjd = new Sjd();
        foreach ((string name, string content, string because) in new[]
        {
            ("empty", "\n", "it has no questions"),
            ("list", "[1]", "line 1 is not an object"),
            ("number", "{\"question\": \"1+1+1\", \"answer\": 3}", "line 1 is not an object"),
            ("second", "{\"question\": \"1+1+1\", \"answer\": \"3\"}\n{\"question\": \"1\"}", "line 2 is not an object"),
            ("long", $"\n{{\"question\": \"{new string('1', 100)}\", \"answer\": \"1\"}}", "Line 2 cannot be answered: The question has"),
        })
        {
            await File.WriteAllTextAsync(sjd.PathOf(name), content);
            (await sjd.RunAsync("think", "--evaluate", name)).AssertFailed(ExitCode.Input, because);
        }

        (await sjd.RunAsync("think", "--evaluate", "nothing")).AssertFailed(ExitCode.Input, "there is no such file");
        (await sjd.RunAsync("think", "3+5*2", "--model", "emoji")).AssertFailed(ExitCode.Model, "'sjd generate'");
        (await sjd.RunAsync("think", new string('1', 100))).AssertFailed(ExitCode.Request, "has 100 tokens");
    }
}
