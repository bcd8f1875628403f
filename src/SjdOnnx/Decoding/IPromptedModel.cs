namespace SjdOnnx.Decoding;

/// <summary>
/// A decoder-only transformer that has been given its prompt: all that decoding knows of a model. Prompts, lanes, caches
/// and tensors stay below this line. Positions and lengths count generated tokens: the prompt is not among them.
/// </summary>
public interface IPromptedModel
{
    /// <summary>Size of the codebook: the width of a row of logits.</summary>
    int Codes { get; }

    /// <summary>Reads the prompt into an emptied cache.</summary>
    /// <returns>One row: the logits of the token at position 0.</returns>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    Logits Prefill(CancellationToken cancellationToken);

    /// <summary>Appends <paramref name="ids"/>, the model's own token ids, to the cache of every lane.</summary>
    /// <param name="ids">At least one id.</param>
    /// <param name="rows">1 to the number of ids.</param>
    /// <param name="cancellationToken">Ends the pass; the cache may then hold any part of <paramref name="ids"/>.</param>
    /// <returns>The logits after each of the last <paramref name="rows"/> ids, in order.</returns>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    Logits Forward(ReadOnlySpan<int> ids, int rows, CancellationToken cancellationToken);

    /// <summary>Forgets every generated token from position <paramref name="length"/> on.</summary>
    void Truncate(int length);
}
