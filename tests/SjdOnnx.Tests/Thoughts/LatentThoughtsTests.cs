using SjdOnnx.FixedPoints;
using SjdOnnx.Thoughts;

namespace SjdOnnx.Tests.Thoughts;

public class LatentThoughtsTests
{
    public const int Latents = 6;

    private static readonly int[] Question = [4, 9, 2, 2];

    public static ThoughtLayout Layout { get; } = new()
    {
        Begin = 7,
        Latent = 8,
        End = 10,
        Latents = Latents,
        AnswerPrompt = [3, 1],
        Stops = [0],
    };

    [Theory]
    [InlineData(Latents)]
    [InlineData(Latents + 4)]
    public void As_many_updates_as_thoughts_lead_to_the_thoughts_one_after_another(int updates)
    {
        float[] exact = InOrder();
        var model = new ToyThinker();
        LatentThoughts thoughts = Update(model, updates);
        Assert.Equal(exact, thoughts.Iterate);
        Assert.Equal(exact, model.CacheFrom(Question.Length + 1));
    }

    [Fact]
    public void After_k_updates_the_first_k_plus_one_thoughts_are_exact()
    {
        float[] exact = InOrder();
        for (int updates = 0; updates < Latents; updates++)
        {
            float[] iterate = Update(new ToyThinker(), updates).Iterate;
            int equal = iterate.AsSpan().CommonPrefixLength(exact) / 3;
            Assert.Equal(updates + 1, equal); // and no more, or the test would say nothing
        }
    }

    [Fact]
    public void The_first_guess_is_what_the_model_computes_at_the_latent_tokens()
    {
        var model = new ToyThinker();
        var computed = new float[(Question.Length + 1 + Latents) * 3];
        model.ReadTokens([.. Question, Layout.Begin, .. Enumerable.Repeat(Layout.Latent, Latents)], computed, [], default);
        Assert.Equal(computed[(Question.Length * 3)..^3], Update(new ToyThinker(), 0).Iterate);
    }

    [Fact]
    public void Every_update_begins_after_the_question()
    {
        var model = new ToyThinker();
        Update(model, 5);
        Assert.Equal(Question.Length + 1, model.Shortest);
        Assert.Equal(Question.Length + 1 + Latents, model.Cached);
        Assert.Equal([Question.Length + 1 + Latents, .. Enumerable.Repeat(Latents, 5)], model.Passes);
    }

    [Fact]
    public void The_cache_holds_the_thoughts_before_the_last_update()
    {
        var model = new ToyThinker();
        float[] before = Update(new ToyThinker(), 2).Iterate;
        LatentThoughts thoughts = Update(model, 3);
        Assert.Equal(before, model.CacheFrom(Question.Length + 1));
        Assert.NotEqual(thoughts.Iterate, model.CacheFrom(Question.Length + 1));
    }

    [Fact]
    public void Thoughts_that_are_shifted_wrongly_or_read_an_old_cache_are_not_those_one_after_another()
    {
        float[] exact = InOrder();
        Assert.NotEqual(exact, Wrong(shift: 0, cut: true));
        Assert.NotEqual(exact, Wrong(shift: 2, cut: true));
        Assert.NotEqual(exact, Wrong(shift: 1, cut: false));
        Assert.Equal(exact, Wrong(shift: 1, cut: true));
    }

    [Fact]
    public void A_change_counts_the_thoughts_that_stand_and_measures_the_others()
    {
        LatentThoughts thoughts = Update(new ToyThinker(), 0);
        for (int updates = 1; updates <= Latents + 1; updates++)
        {
            float[] former = thoughts.Iterate;
            Change change = thoughts.Update(default);
            Assert.Equal(Math.Min(updates, Latents), change.Equal);
            Assert.Equal(thoughts.Distances.Max(), change.Residual);
            Assert.All(thoughts.Distances[..change.Equal], static distance => Assert.Equal(0, distance));
            Assert.All(thoughts.Distances[change.Equal..], static distance => Assert.True(distance > 0));
            if (change.Equal < Latents)
            {
                int i = change.Equal * 3;
                double Length(Func<int, double> of) => Math.Sqrt(Enumerable.Range(i, 3).Sum(j => of(j) * of(j)));
                Assert.Equal(
                    Length(j => thoughts.Iterate[j] - former[j]) / Length(j => former[j]), thoughts.Distances[change.Equal], precision: 5);
            }
        }
    }

    [Fact]
    public void A_thought_is_worded_at_the_place_that_computed_it()
    {
        LatentThoughts settled = Update(new ToyThinker(), Latents);
        var model = new ToyThinker();
        model.ReadTokens([.. Question, Layout.Begin], [], new int[1], default);
        for (int i = 0; i < Latents; i++)
        {
            var word = new int[1];
            model.Truncate(Question.Length);
            model.ReadTokens([Layout.Begin], [], word, default);
            if (i > 0)
                model.ReadThoughts(settled.Iterate.AsSpan(..(3 * i)), new float[3 * i], word, default);
            Assert.Equal(word[0], settled.Likeliest[i]);
        }
    }

    [Fact]
    public void Thoughts_that_are_no_numbers_are_noticed_before_and_between_updates()
    {
        Assert.Throws<NotFiniteNumberException>(() => Update(new ToyThinker { Breaks = 1 }, 0));
        LatentThoughts thoughts = Update(new ToyThinker { Breaks = 3 }, 1);
        Assert.False(thoughts.Update(default).IsFinite);
        Assert.Throws<NotFiniteNumberException>(() => Update(new ToyThinker { Breaks = 4 }, 0).ComputeInOrder(default));
    }

    [Fact]
    public void Cancellation_reaches_the_model()
    {
        LatentThoughts thoughts = Update(new ToyThinker(), 0);
        var cancelled = new CancellationToken(canceled: true);
        Assert.Throws<OperationCanceledException>(() => thoughts.Update(cancelled));
        Assert.Throws<OperationCanceledException>(() => thoughts.ComputeInOrder(cancelled));
        Assert.Throws<OperationCanceledException>(() => LatentThoughts.Begin(new ToyThinker(), Question, Layout, cancelled));
    }

    private static LatentThoughts Update(ToyThinker model, int updates)
    {
        LatentThoughts thoughts = LatentThoughts.Begin(model, Question, Layout);
        for (int i = 0; i < updates; i++)
            thoughts.Update(default);
        return thoughts;
    }

    private static float[] InOrder()
    {
        LatentThoughts thoughts = Update(new ToyThinker(), 0);
        thoughts.ComputeInOrder(default);
        return thoughts.Iterate;
    }

    /// <summary>The iteration with mistakes.</summary>
    /// <param name="shift">How many places a thought is after the one that computed it: 1 is right.</param>
    /// <param name="cut">Whether the cache is cut to the question before each pass.</param>
    private static float[] Wrong(int shift, bool cut)
    {
        var model = new ToyThinker();
        float[] iterate = Update(model, 0).Iterate;
        var computed = new float[iterate.Length];
        for (int i = 0; i < Latents; i++)
        {
            if (cut)
                model.Truncate(Question.Length + 1);
            model.ReadThoughts(iterate, computed, [], default);
            iterate = [.. iterate[..(3 * shift)], .. computed[..(iterate.Length - (3 * shift))]];
        }

        return iterate;
    }
}
