using SjdOnnx.FixedPoints;

namespace SjdOnnx.Thoughts;

/// <summary>Answers questions with a model that thinks in vectors (PCCoT, arXiv 2506.18582) before it speaks.</summary>
public static class ContinuousThought
{
    /// <summary>Updates all thoughts side by side a number of times, and then decodes the answer greedily.</summary>
    /// <param name="model">The model. Its cache is emptied first.</param>
    /// <param name="question">The question's tokens, 0 or more.</param>
    /// <param name="layout">The tokens around thoughts and answer.</param>
    /// <param name="iterations">
    /// Updates, 0 or more. The model was trained with one number, so this is a part of the function and no budget: nothing stops earlier.
    /// </param>
    /// <param name="maxTokens">The most tokens of the answer, with the one that ends it; 1 or more.</param>
    /// <param name="observe">Called with 0 before the first update and after each update with its number; null for nobody.</param>
    /// <param name="cancellation">Checked during each pass.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    /// <exception cref="NotFiniteNumberException">The model computed NaN or an infinity.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public static ThoughtfulAnswer Answer(
        IThinkingModel model, ReadOnlySpan<int> question, ThoughtLayout layout, int iterations, int maxTokens,
        Action<int, LatentThoughts>? observe = null, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(iterations);
        var counted = new PassCounter(model);
        LatentThoughts thoughts = LatentThoughts.Begin(counted, question, layout, cancellation);
        observe?.Invoke(0, thoughts);
        if (iterations > 0)
        {
            var rule = new StoppingRule { MaxUpdates = iterations, Tolerance = -1 };
            Solution solution = FixedPoint.Iterate(thoughts, rule, (update, _) => observe?.Invoke(update, thoughts), cancellation);
            if (!solution.Last.IsFinite)
            {
                throw new NotFiniteNumberException(
                    $"The model computed thoughts that are not finite numbers in iteration {solution.Updates}.");
            }
        }

        return Speak(counted, [layout.End, .. layout.AnswerPrompt], layout.Stops, maxTokens, cancellation);
    }

    /// <summary>
    /// Computes the thoughts one after another, and then decodes the answer greedily. The answer is that of as many updates as thoughts.
    /// </summary>
    /// <inheritdoc cref="Answer"/>
    public static ThoughtfulAnswer AnswerInOrder(
        IThinkingModel model, ReadOnlySpan<int> question, ThoughtLayout layout, int maxTokens, CancellationToken cancellation = default)
    {
        var counted = new PassCounter(model);
        LatentThoughts thoughts = LatentThoughts.Begin(counted, question, layout, cancellation);
        thoughts.ComputeInOrder(cancellation);
        return Speak(counted, [layout.End, .. layout.AnswerPrompt], layout.Stops, maxTokens, cancellation);
    }

    /// <summary>
    /// Decodes greedily after the question, without thoughts: the model writes its steps out, as the teacher in its training did.
    /// </summary>
    /// <returns>All tokens after the question: the steps, the answer prompt and the answer.</returns>
    /// <exception cref="ArgumentException">The question has no tokens.</exception>
    /// <inheritdoc cref="Answer"/>
    public static ThoughtfulAnswer AnswerAloud(
        IThinkingModel model, ReadOnlySpan<int> question, ThoughtLayout layout, int maxTokens, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(layout);
        if (question.IsEmpty)
            throw new ArgumentException("The question has no tokens; it must have one or more.", nameof(question));
        var counted = new PassCounter(model);
        counted.Truncate(0);
        return Speak(counted, question, layout.Stops, maxTokens, cancellation);
    }

    private static ThoughtfulAnswer Speak(
        PassCounter model, ReadOnlySpan<int> prompt, IReadOnlyList<int> stops, int maxTokens, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTokens, 1);
        var tokens = new List<int>();
        Span<int> next = stackalloc int[1];
        model.ReadTokens(prompt, [], next, cancellation);
        while (!stops.Contains(next[0]))
        {
            tokens.Add(next[0]);
            if (tokens.Count == maxTokens)
                return new ThoughtfulAnswer(tokens, IsComplete: false, model.Passes, model.Rows);
            model.ReadTokens([next[0]], [], next, cancellation);
        }

        return new ThoughtfulAnswer(tokens, IsComplete: true, model.Passes, model.Rows);
    }

    /// <summary>Counts the passes of a model.</summary>
    private sealed class PassCounter(IThinkingModel model) : IThinkingModel
    {
        public int Passes { get; private set; }

        public int Rows { get; private set; }

        public int Width => model.Width;

        public int Cached => model.Cached;

        public void ReadTokens(ReadOnlySpan<int> ids, Span<float> thoughts, Span<int> likeliest, CancellationToken cancellation)
        {
            model.ReadTokens(ids, thoughts, likeliest, cancellation);
            Count(ids.Length);
        }

        public void ReadThoughts(
            ReadOnlySpan<float> embeddings, Span<float> thoughts, Span<int> likeliest, CancellationToken cancellation)
        {
            model.ReadThoughts(embeddings, thoughts, likeliest, cancellation);
            Count(embeddings.Length / Width);
        }

        public void Truncate(int length) => model.Truncate(length);

        private void Count(int rows) => (Passes, Rows) = (Passes + 1, Rows + rows);
    }
}

/// <summary>An answer and what it cost.</summary>
/// <param name="Tokens">Without the one that ends it.</param>
/// <param name="IsComplete">Whether the model ended it; if not, it has the most tokens that were allowed.</param>
/// <param name="Passes">Passes of the model, for question, thoughts and answer together.</param>
/// <param name="Rows">Tokens and thoughts that these passes read.</param>
public sealed record ThoughtfulAnswer(IReadOnlyList<int> Tokens, bool IsComplete, int Passes, int Rows);
