namespace SjdOnnx.Actions;

/// <summary>
/// A language model that has read a prompt, which ends with the request for actions. The prompt's keys and values never change.
/// </summary>
public interface IActionLanguage
{
    /// <summary>
    /// Reads ids in one pass. They follow the prompt and the first <paramref name="kept"/> tokens of the answer, whose keys and values are
    /// those of the last pass that read them. What was read after those before is forgotten.
    /// </summary>
    /// <param name="kept">Tokens of the answer whose keys and values stay, 0 or more.</param>
    /// <param name="ids">The next tokens, 1 or more.</param>
    /// <param name="following">Receives the most probable id after each of them.</param>
    /// <param name="cancellation">Ends the pass early.</param>
    /// <returns>False if a logit is not a finite number. <paramref name="following"/> is undefined then.</returns>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    bool Predict(int kept, ReadOnlySpan<int> ids, Span<int> following, CancellationToken cancellation);
}
