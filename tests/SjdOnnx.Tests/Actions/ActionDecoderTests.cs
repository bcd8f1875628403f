using SjdOnnx.Actions;

namespace SjdOnnx.Tests.Actions;

public class ActionDecoderTests
{
    private const int Count = 20;
    private static readonly int[] Guesses = [3, 14, 15, 92, 65];

    [Theory]
    [InlineData(ActionWay.Autoregressive, 3)]
    [InlineData(ActionWay.Jacobi, 1)]
    [InlineData(ActionWay.Jacobi, 3)]
    [InlineData(ActionWay.Jacobi, int.MaxValue)]
    [InlineData(ActionWay.Shrinking, 1)]
    [InlineData(ActionWay.Shrinking, 3)]
    [InlineData(ActionWay.Shrinking, int.MaxValue)]
    public void Every_way_without_an_exit_point_gives_the_tokens_of_greedy_decoding(ActionWay way, int memory)
    {
        for (ulong seed = 0; seed < 20; seed++)
        {
            var language = new HashedLanguage(memory);
            ActionAnswer answer = ActionDecoder.Decode(language, 7, Count, Guesses, new ActionDecoding { Way = way }, seed);
            Assert.Equal(language.Greedy(7, Count), answer.Ids);
            Assert.True(answer.HasConverged);
            Assert.Equal(language.Passes.Count, answer.Passes);
            Assert.Equal(language.Passes.Sum(), answer.Rows);
        }
    }

    [Theory]
    [InlineData(ActionWay.Jacobi)]
    [InlineData(ActionWay.Shrinking)]
    public void After_k_passes_the_first_k_and_one_tokens_are_those_of_greedy_decoding(ActionWay way)
    {
        for (int exit = 1; exit <= Count + 3; exit++)
        {
            var language = new HashedLanguage();
            ActionAnswer answer = ActionDecoder.Decode(language, 7, Count, Guesses, new ActionDecoding { Way = way, Exit = exit }, seed: 5);
            int exact = Math.Min(exit + 1, Count);
            Assert.Equal(language.Greedy(7, Count)[..exact], answer.Ids.Take(exact));
            Assert.True(answer.Passes <= exit);
            Assert.Equal(answer.Passes >= Count - 1 || exit > answer.Passes, answer.HasConverged);
        }
    }

    [Fact]
    public void An_exit_point_gives_the_iterate_of_that_pass()
    {
        var language = new HashedLanguage();
        int[] iterate = ActionDecoder.Guess(7, Count + 1, Guesses, seed: 9, answer: 2);
        for (int exit = 1; exit <= 4; exit++)
        {
            var following = new int[Count];
            language.Predict(0, iterate.AsSpan(..^1), following, CancellationToken.None);
            iterate = [7, .. following];
            ActionAnswer answer = ActionDecoder.Decode(
                new HashedLanguage(), 7, Count, Guesses, ActionDecoding.Jacobi with { Exit = exit }, seed: 9, answer: 2);
            Assert.Equal(iterate[..Count], answer.Ids);
        }
    }

    [Fact]
    public void Shrinking_takes_no_more_passes_than_jacobi_and_reads_fewer_tokens()
    {
        for (ulong seed = 0; seed < 10; seed++)
        {
            ActionAnswer whole = ActionDecoder.Decode(new HashedLanguage(3), 7, Count, Guesses, ActionDecoding.Jacobi, seed);
            ActionAnswer shrinking = ActionDecoder.Decode(new HashedLanguage(3), 7, Count, Guesses, ActionDecoding.Shrinking, seed);
            Assert.InRange(shrinking.Passes, whole.Passes - 1, whole.Passes); // the last pass of jacobi can be about the end alone
            Assert.Equal(whole.Passes * Count, whole.Rows);
            Assert.True(shrinking.Rows < whole.Rows);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(Count)]
    public void Shrinking_reads_no_empty_window_after_a_pass_that_changed_the_end_alone(int count)
    {
        const ulong seed = 4;
        int[] guess = ActionDecoder.Guess(7, count + 1, Guesses, seed, answer: 0);
        var language = new ScriptedLanguage([.. guess[1..^1], 1]); // agrees with every guess, but ends with 1, which is none
        ActionAnswer answer = ActionDecoder.Decode(language, 7, count, Guesses, ActionDecoding.Shrinking, seed);
        Assert.Equal(guess[..count], answer.Ids);
        Assert.Equal((1, count, true), (answer.Passes, answer.Rows, answer.HasConverged));
    }

    [Theory]
    [InlineData(ActionWay.Autoregressive)]
    [InlineData(ActionWay.Jacobi)]
    [InlineData(ActionWay.Shrinking)]
    public void Answers_of_few_tokens_are_those_of_greedy_decoding(ActionWay way)
    {
        for (int count = 1; count <= 4; count++)
        {
            for (ulong seed = 0; seed < 10; seed++)
            {
                var language = new HashedLanguage();
                ActionAnswer answer = ActionDecoder.Decode(language, 7, count, Guesses, new ActionDecoding { Way = way }, seed);
                Assert.Equal(language.Greedy(7, count), answer.Ids);
                Assert.True(answer.HasConverged);
            }
        }
    }

    [Fact]
    public void Jacobi_stops_with_the_first_pass_that_changes_nothing()
    {
        var constant = new HashedLanguage(memory: 1, ids: 1);
        Assert.Equal(1, ActionDecoder.Decode(constant, 7, Count, [0], ActionDecoding.Jacobi).Passes);
        Assert.Equal(2, ActionDecoder.Decode(constant, 7, Count, [3], ActionDecoding.Jacobi).Passes);
    }

    [Fact]
    public void Predictions_that_are_one_place_off_are_found_by_comparison_with_greedy_decoding()
    {
        var shifted = new HashedLanguage { Shift = -1 };
        ActionAnswer answer = ActionDecoder.Decode(shifted, 7, Count, Guesses, ActionDecoding.Jacobi);
        Assert.NotEqual(shifted.Greedy(7, Count), answer.Ids);
    }

    [Fact]
    public void Keeping_the_keys_of_a_token_that_changed_is_found_by_comparison_with_greedy_decoding()
    {
        var stale = new StaleLanguage(new HashedLanguage());
        int[] greedy = new HashedLanguage().Greedy(7, Count);
        ActionAnswer[] answers =
            [.. Enumerable.Range(0, 5).Select(
                seed => ActionDecoder.Decode(stale, 7, Count, Guesses, ActionDecoding.Shrinking, (ulong)seed))];
        Assert.Contains(answers, answer => !answer.Ids.SequenceEqual(greedy));
    }

    [Fact]
    public void The_first_guess_depends_on_seed_and_answer_alone_and_is_made_of_the_prompts_tokens()
    {
        int[] guess = ActionDecoder.Guess(7, 200, Guesses, seed: 1, answer: 0);
        Assert.Equal(guess, ActionDecoder.Guess(7, 200, Guesses, seed: 1, answer: 0));
        Assert.NotEqual(guess, ActionDecoder.Guess(7, 200, Guesses, seed: 2, answer: 0));
        Assert.NotEqual(guess, ActionDecoder.Guess(7, 200, Guesses, seed: 1, answer: 1));
        Assert.Equal(7, guess[0]);
        Assert.Equal(Guesses.Order(), guess[1..].Distinct().Order());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-3)]
    public void An_exit_point_below_1_is_refused(int exit)
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => ActionDecoding.Jacobi with { Exit = exit });
        Assert.Contains($"The exit point is {exit}; it must be 1 or more passes", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ActionWay.Autoregressive)]
    [InlineData(ActionWay.Jacobi)]
    [InlineData(ActionWay.Shrinking)]
    public void A_logit_that_is_not_finite_ends_the_decoding_with_the_number_of_the_pass(ActionWay way)
    {
        var language = new HashedLanguage { FailsAt = 2 };
        var error = Assert.Throws<ArithmeticException>(
            () => ActionDecoder.Decode(language, 7, Count, Guesses, new ActionDecoding { Way = way }));
        Assert.Contains("pass 2", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Cancellation_ends_the_decoding() => Assert.Throws<OperationCanceledException>(() => ActionDecoder.Decode(
        new HashedLanguage(), 7, Count, Guesses, ActionDecoding.Jacobi, cancellation: new CancellationToken(canceled: true)));

    [Fact]
    public void A_prompt_without_text_is_refused() =>
        Assert.Throws<ArgumentException>(() => ActionDecoder.Decode(new HashedLanguage(), 7, Count, [], ActionDecoding.Jacobi));

    /// <summary>Lets the decoder believe that one more token is kept than was final.</summary>
    private sealed class StaleLanguage(HashedLanguage language) : IActionLanguage
    {
        public bool Predict(int kept, ReadOnlySpan<int> ids, Span<int> following, CancellationToken cancellation)
        {
            if (kept == 0 || ids.Length < 2)
                return language.Predict(kept, ids, following, cancellation);
            bool isFinite = language.Predict(kept + 1, ids[1..], following[1..], cancellation); // ids[0] keeps its old keys
            following[0] = following[1];
            return isFinite;
        }
    }

    /// <summary>Predicts the same ids whatever it reads.</summary>
    private sealed class ScriptedLanguage(int[] script) : IActionLanguage
    {
        public bool Predict(int kept, ReadOnlySpan<int> ids, Span<int> following, CancellationToken cancellation)
        {
            Assert.True(ids.Length > 0, "The decoder asked for a pass over no tokens, which no graph can run.");
            script.AsSpan(kept + ids.Length - following.Length, following.Length).CopyTo(following);
            return true;
        }
    }
}
