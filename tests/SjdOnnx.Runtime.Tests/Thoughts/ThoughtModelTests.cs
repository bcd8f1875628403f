namespace SjdOnnx.Runtime.Tests.Thoughts;

public class ThoughtModelTests
{
    private static readonly string[] Questions = ["3+5*2", "6-2*3", "1*4+5", "2+2-6*3", "5*5*5", "3-4+6*2+1"];

    [ThoughtFact]
    public async Task Sums_of_two_steps_are_answered_right()
    {
        using ThoughtModel model = await ThoughtTestModel.LoadAsync();
        foreach ((string question, string answer) in new[]
        {
            ("3+5*2", "2"), ("6-2*3", "5"), ("1*4+5", "2"), ("0+6-1", "5"), ("2*3-6", "0"), ("4-5-6", "0"), ("6+6+6", "4"), ("3*3*3", "6"),
        })
        {
            ThoughtAnswer given = await model.AnswerAsync(question);
            Assert.Equal((answer, true), (given.Text, given.IsComplete));
        }
    }

    [ThoughtFact]
    public async Task Passes_and_rows_are_counted()
    {
        using ThoughtModel model = await ThoughtTestModel.LoadAsync();
        int latents = model.Description.Latents;
        foreach (int iterations in (int[])[0, 1, 5])
        {
            ThoughtAnswer answer = await model.AnswerAsync("3+5*2", new ThoughtOptions { Iterations = iterations });
            int written = answer.Tokens.Count; // the end of the answer takes no pass
            Assert.Equal(1 + iterations + 1 + written, answer.Passes);
            Assert.Equal(3 + 1 + latents + (iterations * latents) + 5 + written, answer.Rows); // a token for each number
            Assert.Equal(iterations, answer.Iterations);
        }
    }

    [ThoughtFact]
    public async Task As_many_iterations_as_thoughts_answer_as_thoughts_one_after_another()
    {
        using ThoughtModel model = await ThoughtTestModel.LoadAsync();
        foreach (string question in Questions)
        {
            ThoughtAnswer parallel = await model.AnswerAsync(question, new ThoughtOptions { Iterations = model.Description.Latents });
            ThoughtAnswer inOrder = await model.AnswerAsync(question, new ThoughtOptions { Mode = ThoughtMode.InOrder });
            Assert.Equal(inOrder.Tokens, parallel.Tokens);
            Assert.Equal(parallel.Passes, inOrder.Passes);
            Assert.True(inOrder.Rows < parallel.Rows);
        }
    }

    [ThoughtFact]
    public async Task Iteration_k_leaves_the_first_k_thoughts_as_they_are_and_changes_the_next()
    {
        using ThoughtModel model = await ThoughtTestModel.LoadAsync();
        ThoughtAnswer answer = await model.AnswerAsync("3-4+6*2+1", new ThoughtOptions { Iterations = 8, Trace = true });
        Assert.Equal(Enumerable.Range(0, 9), answer.Trace.Select(static iteration => iteration.Number));
        for (int i = 1; i < answer.Trace.Count; i++)
        {
            Assert.All(answer.Trace[i].Thoughts.Take(i), static thought => Assert.Equal(0, thought.Change));
            Assert.All(answer.Trace[i].Thoughts.Take(i).Zip(answer.Trace[i - 1].Thoughts), static pair => Assert.Equal(
                pair.Second.Token, pair.First.Token));
        }

        Assert.NotEqual(0, answer.Trace[1].Thoughts[1].Change);
        Assert.NotEqual(0, answer.Trace[2].Thoughts[2].Change);
    }

    [ThoughtFact]
    public async Task A_trace_changes_no_answer_and_is_empty_unless_it_is_asked_for()
    {
        using ThoughtModel model = await ThoughtTestModel.LoadAsync();
        foreach (string question in Questions)
        {
            ThoughtAnswer plain = await model.AnswerAsync(question);
            ThoughtAnswer traced = await model.AnswerAsync(question, new ThoughtOptions { Trace = true });
            Assert.Equal(plain.Tokens, traced.Tokens);
            Assert.Equal(plain.Passes, traced.Passes);
            Assert.Empty(plain.Trace);
            Assert.Equal(model.Description.Iterations + 1, traced.Trace.Count);
        }
    }

    [ThoughtFact]
    public async Task Written_steps_lead_to_the_answer()
    {
        using ThoughtModel model = await ThoughtTestModel.LoadAsync();
        ThoughtAnswer answer = await model.AnswerAsync("3+5*2-4+6", new ThoughtOptions { Mode = ThoughtMode.Aloud });
        Assert.Equal(("1 2 5", "4", true), (answer.Steps, answer.Text, answer.IsComplete));
        Assert.Equal(1 + answer.Tokens.Count, answer.Passes);
    }

    [ThoughtFact]
    public async Task Concurrent_questions_are_answered_as_one_after_another()
    {
        using ThoughtModel model = await ThoughtTestModel.LoadAsync();
        var alone = new List<IReadOnlyList<int>>();
        foreach (string question in Questions)
            alone.Add((await model.AnswerAsync(question)).Tokens);
        ThoughtAnswer[] together = await Task.WhenAll(Questions.Select(question => model.AnswerAsync(question)));
        Assert.Equal(alone, together.Select(static answer => answer.Tokens));
        Assert.Equal(0, model.LiveTensors);
    }

    [ThoughtFact]
    public async Task A_question_that_cannot_be_read_is_refused_and_the_next_one_answered()
    {
        using ThoughtModel model = await ThoughtTestModel.LoadAsync();
        var empty = await Assert.ThrowsAsync<RequestException>(() => model.AnswerAsync(" \n"));
        Messages.AssertReadable(empty);
        var tooLong = await Assert.ThrowsAsync<RequestException>(() => model.AnswerAsync(string.Join('+', Enumerable.Repeat("1", 500))));
        Messages.AssertReadable(tooLong);
        Assert.Contains("has 500 tokens; the model sums reads at most", tooLong.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentNullException>(() => model.AnswerAsync(null!));
        Assert.Equal("2", (await model.AnswerAsync("3+5*2")).Text);
    }

    [ThoughtFact]
    public async Task The_longest_question_that_is_accepted_can_be_answered_in_every_mode()
    {
        using ThoughtModel model = await ThoughtTestModel.LoadAsync();
        int longest = 1;
        while (await IsAcceptedAsync(longest + 1))
            longest++;
        foreach (ThoughtMode mode in Enum.GetValues<ThoughtMode>())
            await model.AnswerAsync(new string('1', longest), new ThoughtOptions { Mode = mode });

        async Task<bool> IsAcceptedAsync(int length)
        {
            try
            {
                await model.AnswerAsync(new string('1', length));
                return true;
            }
            catch (RequestException)
            {
                return false;
            }
        }
    }

    [ThoughtFact]
    public async Task Cancellation_ends_the_request_alone()
    {
        using ThoughtModel model = await ThoughtTestModel.LoadAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => model.AnswerAsync("3+5*2", cancellationToken: new CancellationToken(canceled: true)));
        Assert.Equal("2", (await model.AnswerAsync("3+5*2")).Text);
    }

    [ThoughtFact]
    public async Task After_disposal_nothing_is_answered_and_nothing_is_held()
    {
        ThoughtModel model = await ThoughtTestModel.LoadAsync();
        await model.AnswerAsync("3+5*2");
        model.Dispose();
        await model.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => model.AnswerAsync("3+5*2"));
        Assert.Equal(0, model.LiveTensors);
    }

    [ThoughtFact]
    public async Task The_description_is_that_of_model_json()
    {
        using ThoughtModel model = await ThoughtTestModel.LoadAsync();
        ThoughtModelDescription description = model.Description;
        Assert.Equal(("sums", "pccot", "MIT", true), (
            description.Name, description.Family, description.License, description.AllowsCommercialUse));
        Assert.Equal((6, 64, 10), (description.Latents, description.MaxPositions, description.MaxAnswer));
        Assert.Equal(64, description.Hash.Length);
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new ThoughtOptions { Iterations = -1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ThoughtOptions { Iterations = ThoughtOptions.MaxIterations + 1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ThoughtOptions { Mode = (ThoughtMode)9 });
        Assert.Equal(0, new ThoughtOptions { Iterations = 0 }.Iterations);
    }
}
