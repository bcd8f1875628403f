using SjdOnnx.Sampling;

namespace SjdOnnx.Decoding;

/// <summary>
/// A decoder-only transformer that has been given a picture's prompt: all that decoding knows of a model. Prompts, lanes, caches
/// and tensors stay below this line. Positions and lengths count generated tokens: the prompt is not among them.
/// </summary>
public interface IPromptedModel
{
    /// <summary>Size of the codebook: the width of a row of logits.</summary>
    int Codes { get; }

    /// <summary>
    /// Has the next forward pass read the prompt into an emptied cache. Its <see cref="Logits"/> will be one row: those of the token at
    /// position 0.
    /// </summary>
    void FeedPrompt();

    /// <summary>
    /// Has the next forward pass append <paramref name="ids"/>, the model's own token ids, to the cache of every lane. Its
    /// <see cref="Logits"/> will be those after each of the last <paramref name="rows"/> ids, in order.
    /// </summary>
    /// <param name="ids">At least one id.</param>
    /// <param name="rows">1 to the number of ids.</param>
    /// <param name="parents">
    /// Empty where each id follows the one before it. Otherwise ids form a tree: entry i is the index in <paramref name="ids"/>, below i,
    /// of the id that number i follows, or −1 for the last token cached; an id stands one position behind its parent and sees its ancestors
    /// and the cache alone.
    /// </param>
    void Feed(ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> parents);

    /// <summary>
    /// The same for a chain of ids, some of which the model reads as noisy embeddings. The embedding of a position is a draw of a standard
    /// normal vector when it is first fed, with the most steps; each time after that, with one step fewer, it is brought nearer to the
    /// embedding of the id that now stands there; with 0 steps it is the id's own.
    /// </summary>
    /// <param name="ids">At least one id.</param>
    /// <param name="rows">1 to the number of ids.</param>
    /// <param name="steps">For each id the denoising steps that are left, 0 or more.</param>
    /// <param name="randomness">The picture's: what noise is drawn with.</param>
    /// <exception cref="NotSupportedException">The model reads no noise.</exception>
    void FeedNoisy(ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> steps, Randomness randomness) =>
        throw new NotSupportedException("This model reads no noise.");

    /// <summary>What the last forward pass said of what it was fed.</summary>
    Logits Logits { get; }

    /// <summary>
    /// Forgets every token of the cache from the <paramref name="length"/>-th on; tokens count in the order in which they were fed.
    /// </summary>
    void Truncate(int length);
}

/// <summary>Runs the transformer that several <see cref="IPromptedModel"/> share.</summary>
public interface IForwardPass
{
    /// <summary>One forward pass over everything that was fed since the last one.</summary>
    /// <exception cref="OperationCanceledException">
    /// Cancellation was requested. The caches may hold any part of what was fed, and every picture has to begin with its prompt again.
    /// </exception>
    void Run(CancellationToken cancellationToken);
}
