using SjdOnnx.Sampling;

namespace SjdOnnx.Decoding;

/// <summary>
/// A decoder-only transformer that holds the prompt of one image. Decoding knows nothing else of a model: prompts, lanes, caches and
/// tensors are behind this interface. Positions and lengths count generated tokens, without the prompt.
/// </summary>
public interface IPromptedModel
{
    /// <summary>Size of the codebook: the width of a row of logits.</summary>
    int Codes { get; }

    /// <summary>
    /// Clears the cache and queues the prompt for the next pass, whose <see cref="Logits"/> are then one row: the logits of position 0.
    /// </summary>
    void FeedPrompt();

    /// <summary>
    /// Queues token ids for the next pass, which appends them to the cache of every lane. Its <see cref="Logits"/> are then those after
    /// each of the last <paramref name="rows"/> ids, in order.
    /// </summary>
    /// <param name="ids">The model's own token ids, at least one.</param>
    /// <param name="rows">1 to the number of ids.</param>
    /// <param name="parents">
    /// Empty if each id follows the one before it. Otherwise ids form a tree: entry i is the index in <paramref name="ids"/>, below i,
    /// of the id that number i follows, or −1 for the last token cached; an id stands one position behind its parent and sees its ancestors
    /// and the cache alone.
    /// </param>
    void Feed(ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> parents);

    /// <summary>The logits of the last forward pass.</summary>
    Logits Logits { get; }

    /// <summary>Shortens the cache to its first <paramref name="length"/> tokens, in the order in which they were fed.</summary>
    void Truncate(int length);
}

/// <summary>A model that was fine-tuned to read noisy embeddings in place of some of its tokens.</summary>
public interface INoisyModel : IPromptedModel
{
    /// <summary>
    /// Queues a chain of token ids for the next pass, as <see cref="IPromptedModel.Feed"/> does; the model reads some of them as noisy
    /// embeddings. A position's embedding begins as a standard normal vector, when it is first fed with the most steps. Each later pass
    /// with one step fewer moves it toward the embedding of the id that is then there; with 0 steps it is that id's own embedding.
    /// </summary>
    /// <param name="ids">The model's own token ids, at least one.</param>
    /// <param name="rows">1 to the number of ids.</param>
    /// <param name="steps">For each id the denoising steps that are left, 0 or more.</param>
    /// <param name="randomness">The image's; it draws the noise.</param>
    void FeedNoisy(ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> steps, Randomness randomness);
}

/// <summary>Runs the transformer that several <see cref="IPromptedModel"/> share.</summary>
public interface IForwardPass
{
    /// <summary>Runs one forward pass over everything that was fed since the last one.</summary>
    /// <exception cref="OperationCanceledException">
    /// Cancellation was requested. The caches may hold any part of what was fed, so every image has to begin with its prompt again.
    /// </exception>
    void Run(CancellationToken cancellationToken);
}
