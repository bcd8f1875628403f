namespace SjdOnnx.Thoughts;

/// <summary>
/// A causal language model that reads tokens or thoughts. A thought is a vector in place of a token's embedding: what the model computed
/// at the place before it. What was read stays in a cache, and further reading continues it.
/// </summary>
public interface IThinkingModel
{
    /// <summary>Numbers in a thought.</summary>
    int Width { get; }

    /// <summary>Tokens and thoughts in the cache.</summary>
    int Cached { get; }

    /// <summary>Reads tokens after what is cached, in one pass.</summary>
    /// <param name="ids">The tokens, 1 or more.</param>
    /// <param name="thoughts">
    /// Receives what the model computed at each token, [ids × <see cref="Width"/>]; empty if that is not needed.
    /// </param>
    /// <param name="likeliest">Receives the likeliest next tokens after the last places, as many as there is room for.</param>
    /// <param name="cancellation">Checked during the pass.</param>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    void ReadTokens(ReadOnlySpan<int> ids, Span<float> thoughts, Span<int> likeliest, CancellationToken cancellation);

    /// <summary>Reads thoughts after what is cached, in one pass.</summary>
    /// <param name="embeddings">The thoughts, [n × <see cref="Width"/>].</param>
    /// <param name="thoughts">Receives what the model computed at each of them, [n × <see cref="Width"/>].</param>
    /// <param name="likeliest">Receives the likeliest next tokens after the last places, as many as there is room for.</param>
    /// <param name="cancellation">Checked during the pass.</param>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    void ReadThoughts(ReadOnlySpan<float> embeddings, Span<float> thoughts, Span<int> likeliest, CancellationToken cancellation);

    /// <summary>Forgets all but the first tokens and thoughts of the cache.</summary>
    /// <param name="length">How many stay, from 0 to <see cref="Cached"/>.</param>
    void Truncate(int length);
}
