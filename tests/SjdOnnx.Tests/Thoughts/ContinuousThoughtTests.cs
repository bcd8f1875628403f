using SjdOnnx.Thoughts;

namespace SjdOnnx.Tests.Thoughts;

public class ContinuousThoughtTests
{
    private const int Latents = LatentThoughtsTests.Latents;

    private static readonly ThoughtLayout Layout = LatentThoughtsTests.Layout;

    /// <summary>Questions whose answers differ with the number of updates.</summary>
    public static TheoryData<int> Questions => [.. Enumerable.Range(0, 12)];

    [Theory]
    [MemberData(nameof(Questions))]
    public void As_many_updates_as_thoughts_give_the_answer_of_thoughts_one_after_another(int seed)
    {
        ThoughtfulAnswer parallel = ContinuousThought.Answer(new ToyThinker(), Question(seed), Layout, Latents, maxTokens: 8);
        ThoughtfulAnswer inOrder = ContinuousThought.AnswerInOrder(new ToyThinker(), Question(seed), Layout, maxTokens: 8);
        Assert.Equal(inOrder.Tokens, parallel.Tokens);
        Assert.Equal(inOrder.IsComplete, parallel.IsComplete);
    }

    [Fact]
    public void The_number_of_updates_is_a_part_of_the_answer()
    {
        int[][] answers = [.. Enumerable.Range(0, Latents + 3).Select(static updates => AllAnswers(updates))];
        for (int updates = 0; updates < Latents; updates++)
            Assert.NotEqual(answers[updates + 1], answers[updates]);
        Assert.Equal(answers[Latents], answers[Latents + 1]);
        Assert.Equal(answers[Latents], answers[Latents + 2]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(Latents)]
    public void Nothing_stops_the_updates_early_and_every_pass_is_counted(int updates)
    {
        var model = new ToyThinker();
        int[] question = Question(3);
        ThoughtfulAnswer answer = ContinuousThought.Answer(model, question, Layout, updates, maxTokens: 4);
        int[] passes =
        [
            question.Length + 1 + Latents, .. Enumerable.Repeat(Latents, updates), 1 + Layout.AnswerPrompt.Count,
            .. Enumerable.Repeat(1, answer.Tokens.Count - (answer.IsComplete ? 0 : 1)),
        ];
        Assert.Equal(passes, model.Passes);
        Assert.Equal((passes.Length, passes.Sum()), (answer.Passes, answer.Rows));
    }

    [Fact]
    public void Thoughts_one_after_another_take_a_pass_each()
    {
        var model = new ToyThinker();
        ThoughtfulAnswer answer = ContinuousThought.AnswerInOrder(model, Question(3), Layout, maxTokens: 1);
        Assert.Equal([Question(3).Length + 1 + Latents, .. Enumerable.Repeat(1, Latents), 3], model.Passes);
        Assert.Equal(model.Passes.Count, answer.Passes);
    }

    [Theory]
    [MemberData(nameof(Questions))]
    public void The_answer_is_decoded_greedily_after_the_thoughts(int seed)
    {
        ThoughtfulAnswer answer = ContinuousThought.Answer(new ToyThinker(), Question(seed), Layout, 2, maxTokens: 5);
        var model = new ToyThinker();
        LatentThoughts thoughts = LatentThoughts.Begin(model, Question(seed), Layout);
        thoughts.Update(default);
        thoughts.Update(default);

        var expected = new List<int>();
        var next = new int[1];
        model.ReadTokens([Layout.End, .. Layout.AnswerPrompt], [], next, default);
        while (expected.Count < 5 && next[0] != Layout.Stops[0])
        {
            expected.Add(next[0]);
            model.ReadTokens([next[0]], [], next, default);
        }

        Assert.Equal(expected, answer.Tokens);
    }

    [Fact]
    public void An_answer_that_does_not_end_is_cut()
    {
        ThoughtLayout endless = Layout with { Stops = [ToyThinker.Vocabulary] };
        ThoughtfulAnswer answer = ContinuousThought.Answer(new ToyThinker(), Question(0), endless, 1, maxTokens: 7);
        Assert.Equal((7, false), (answer.Tokens.Count, answer.IsComplete));

        ThoughtLayout atOnce = Layout with { Stops = [.. Enumerable.Range(0, ToyThinker.Vocabulary)] };
        answer = ContinuousThought.Answer(new ToyThinker(), Question(0), atOnce, 1, maxTokens: 7);
        Assert.Equal((0, true, 3), (answer.Tokens.Count, answer.IsComplete, answer.Passes));
    }

    [Fact]
    public void An_observer_sees_the_first_guess_and_every_update()
    {
        var seen = new List<(int Update, float[] Iterate)>();
        ContinuousThought.Answer(
            new ToyThinker(), Question(1), Layout, 3, maxTokens: 1, (update, thoughts) => seen.Add((update, thoughts.Iterate)));
        Assert.Equal([0, 1, 2, 3], seen.Select(static each => each.Update));
        Assert.Equal(4, seen.DistinctBy(static each => string.Join(' ', each.Iterate)).Count());
    }

    [Fact]
    public void Steps_that_are_written_out_follow_the_question_at_once()
    {
        var model = new ToyThinker();
        ThoughtfulAnswer answer = ContinuousThought.AnswerAloud(model, Question(2), Layout with { Stops = [ToyThinker.Vocabulary] }, 6);
        Assert.Equal([Question(2).Length, 1, 1, 1, 1, 1], model.Passes);
        Assert.Equal((6, 6), (answer.Tokens.Count, answer.Passes));
        Assert.Throws<ArgumentException>(() => ContinuousThought.AnswerAloud(model, [], Layout, 6));
    }

    [Fact]
    public void Thoughts_that_are_no_numbers_name_the_iteration()
    {
        var error = Assert.Throws<NotFiniteNumberException>(
            () => ContinuousThought.Answer(new ToyThinker { Breaks = 3 }, Question(0), Layout, 5, maxTokens: 1));
        Assert.Contains("in iteration 2", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => ContinuousThought.Answer(new ToyThinker(), Question(0), Layout, -1, maxTokens: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => ContinuousThought.Answer(new ToyThinker(), Question(0), Layout, 1, maxTokens: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Layout with { Latents = 0 });
    }

    private static int[] AllAnswers(int updates) => [.. Enumerable.Range(0, 12).SelectMany(
        seed => ContinuousThought.Answer(new ToyThinker(), Question(seed), Layout, updates, maxTokens: 8).Tokens)];

    private static int[] Question(int seed) => [.. Enumerable.Range(0, 3 + (seed % 3)).Select(i => ((seed * 7) + (i * i)) % 6)];
}
