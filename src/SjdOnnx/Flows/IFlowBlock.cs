namespace SjdOnnx.Flows;

/// <summary>
/// The network of one block of an autoregressive flow. It reads tokens in the block's own order and says how each next token follows from
/// noise: x[i + 1] = exp(s[i]) z[i + 1] + u[i], where s and u depend on the tokens 0 to i alone.
/// </summary>
public interface IFlowBlock
{
    /// <summary>Tokens of a sequence, 2 or more.</summary>
    int Tokens { get; }

    /// <summary>Numbers of a token.</summary>
    int Channels { get; }

    /// <summary>
    /// Reads tokens and keeps their keys and values in the cache, in the rows of their positions. The tokens see each other causally, and
    /// the cached rows of all positions before <paramref name="first"/>, which earlier runs must have written.
    /// </summary>
    /// <param name="first">Position of the first token, 0 to <see cref="Tokens"/> − 1.</param>
    /// <param name="rows">1 or more tokens: [rows × channels].</param>
    /// <param name="scale">Receives s of each token's successor: [rows × channels].</param>
    /// <param name="shift">Receives u of each token's successor: [rows × channels].</param>
    /// <param name="cancellation">Ends the run early.</param>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    void Run(int first, ReadOnlySpan<float> rows, Span<float> scale, Span<float> shift, CancellationToken cancellation);
}
