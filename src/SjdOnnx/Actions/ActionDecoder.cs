using SjdOnnx.FixedPoints;
using SjdOnnx.Sampling;

namespace SjdOnnx.Actions;

/// <summary>Decodes the tokens of actions from a prompt that has been read.</summary>
public static class ActionDecoder
{
    /// <summary>Decodes one answer.</summary>
    /// <param name="language">Has read the prompt.</param>
    /// <param name="first">The first token of the answer: the most probable one after the prompt.</param>
    /// <param name="count">Tokens of the answer, 1 or more, without the end.</param>
    /// <param name="guesses">The prompt's text ids, from which the first guess is drawn.</param>
    /// <param name="decoding">How to decode.</param>
    /// <param name="seed">Of the first guesses.</param>
    /// <param name="answer">Which of the seed's guesses: the number of the answer, if one seed serves several.</param>
    /// <param name="cancellation">Ends the decoding.</param>
    /// <exception cref="ArgumentException">There are no guesses, or the count is below 1.</exception>
    /// <exception cref="ArithmeticException">A logit is not a finite number.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public static ActionAnswer Decode(
        IActionLanguage language, int first, int count, ReadOnlySpan<int> guesses, ActionDecoding decoding, ulong seed = 0,
        uint answer = 0, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(language);
        ArgumentNullException.ThrowIfNull(decoding);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        if (guesses.IsEmpty)
            throw new ArgumentException("There are no guesses; give the ids of the prompt's text.", nameof(guesses));
        if (decoding.Way == ActionWay.Autoregressive)
            return OneByOne(language, first, count, cancellation);

        int[] tokens = Guess(first, count + 1, guesses, seed, answer); // with the end
        var window = new ActionWindow(language, tokens, decoding.Way == ActionWay.Shrinking);
        var rule = new StoppingRule { MaxUpdates = decoding.Exit ?? int.MaxValue };
        Solution solution = FixedPoint.Iterate(window, rule, cancellation: cancellation);
        if (!solution.Last.IsFinite)
            throw NotFinite(solution.Updates);
        // After as many passes as there are unknown actions' tokens, these are exact even if the last pass still changed one.
        bool isExact = solution.HasConverged || solution.Updates >= count - 1;
        return new ActionAnswer(tokens[..count], solution.Updates, window.Rows, isExact);
    }

    /// <summary>The first token, and tokens drawn uniformly from the prompt's.</summary>
    /// <returns>So many tokens.</returns>
    internal static int[] Guess(int first, int count, ReadOnlySpan<int> guesses, ulong seed, uint answer)
    {
        var bits = new uint[count];
        Philox.Fill(bits, new Philox.Block(0xAC7, answer, 0, 0), seed);
        var tokens = new int[count];
        tokens[0] = first;
        for (int i = 1; i < count; i++)
            tokens[i] = guesses[(int)(((ulong)bits[i] * (ulong)guesses.Length) >> 32)];
        return tokens;
    }

    private static ActionAnswer OneByOne(IActionLanguage language, int first, int count, CancellationToken cancellation)
    {
        var tokens = new int[count];
        tokens[0] = first;
        for (int i = 1; i < count; i++)
        {
            if (!language.Predict(i - 1, tokens.AsSpan(i - 1, 1), tokens.AsSpan(i, 1), cancellation))
                throw NotFinite(i);
        }

        return new ActionAnswer(tokens, count - 1, count - 1, HasConverged: true);
    }

    private static ArithmeticException NotFinite(int pass) =>
        new($"The language model computed a logit that is not a finite number in pass {pass}. Try another precision, such as fp32.");
}
