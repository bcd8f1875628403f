using SjdOnnx.Sampling;

namespace SjdOnnx.Decoding;

/// <summary>Decodes pictures, settling several tokens per forward pass where the method can.</summary>
/// <remarks>
/// The loop of Teng et al., "Accelerating Auto-regressive Text-to-Image Generation with Training-free Speculative Jacobi
/// Decoding", ICLR 2025, arXiv:2410.01699. Autoregressive decoding is the case of an empty draft.
/// </remarks>
/// <param name="layout">The pictures' tokens.</param>
/// <param name="method">What to accept, and what to guess next.</param>
/// <param name="sampling">How logits become probabilities.</param>
/// <param name="auto">Chooses how many drafts the next pass carries; null for always as many as the method keeps open.</param>
/// <param name="sequential">What of the picture is drawn without drafts; null for nothing.</param>
public sealed class Decoder(
    TokenLayout layout, IDecodingMethod method, SamplingOptions sampling, AutoWindow? auto = null, SequentialParts? sequential = null)
{
    private readonly ProbabilityChain _chain = new(sampling);

    /// <summary>A picture of which nothing is known yet.</summary>
    /// <param name="model">Holds the prompt; its cache is this picture's until the picture is complete.</param>
    /// <param name="randomness">All the chance there is: the same seed and image give the same picture.</param>
    /// <exception cref="ArgumentException">The model's codebook is not the layout's.</exception>
    public Picture Begin(IPromptedModel model, Randomness randomness)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.Codes == layout.Codes
            ? new Picture(model, randomness, new Window(layout, method.WindowSize, method.Branches))
            : throw new ArgumentException($"The model has {model.Codes} image codes, the token layout {layout.Codes}.", nameof(model));
    }

    /// <summary>Brings every picture one forward pass further; each commits at least one token, and how many is its own affair.</summary>
    /// <param name="forward">The transformer that the pictures' models share.</param>
    /// <param name="pictures">Pictures that this decoder began, none of them complete.</param>
    /// <param name="cancellationToken">Looked at before the pass and handed to the model.</param>
    /// <exception cref="InvalidOperationException">The model's logits are no numbers.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public void Advance(IForwardPass forward, IReadOnlyList<Picture> pictures, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(forward);
        ArgumentNullException.ThrowIfNull(pictures);
        cancellationToken.ThrowIfCancellationRequested();

        // 1. Predict: one forward pass over the committed tokens the caches lack and every draft after them.
        for (int i = 0; i < pictures.Count; i++)
            Feed(pictures[i]);
        forward.Run(cancellationToken);

        for (int i = 0; i < pictures.Count; i++)
        {
            (Window window, IPromptedModel model) = (pictures[i].Window, pictures[i].Model);
            PassRandom random = pictures[i].Randomness.At(window.Pass);
            ToProbabilities(model.Logits, window);

            // 2. Verify: which drafts does the model stand by, and what does it say next?
            Verdict verdict = method.Verify(window, random);

            // 3. Commit those, and the structure that must follow; the cache forgets the drafts that fell.
            window.Commit(verdict);
            int drafts = auto?.Choose(window, method) ?? method.WindowSize;
            window.Open(Math.Min(drafts, sequential?.Room(window) ?? drafts));
            model.Truncate(window.Cached);

            // 4. Redraft the positions still open: the Jacobi iteration.
            method.Redraft(window, random);
        }
    }

    /// <summary>Decodes one picture.</summary>
    /// <param name="model">Holds the prompt, and runs the passes.</param>
    /// <param name="randomness">All the chance there is: the same seed and image give the same picture.</param>
    /// <param name="observer">Called after every pass, the prefill included, with the window as the next pass will see it.</param>
    /// <param name="cancellationToken">Looked at before every pass and handed to the model.</param>
    /// <exception cref="ArgumentException">The model's codebook is not the layout's.</exception>
    /// <exception cref="InvalidOperationException">The model's logits are no numbers.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public Decoded Decode<TModel>(
        TModel model, Randomness randomness, Action<Window>? observer = null, CancellationToken cancellationToken = default)
        where TModel : IPromptedModel, IForwardPass
    {
        Picture picture = Begin(model, randomness);
        Picture[] pictures = [picture];
        while (!picture.IsComplete)
        {
            Advance(model, pictures, cancellationToken);
            observer?.Invoke(picture.Window);
        }

        return picture.ToDecoded();
    }

    private static void Feed(Picture picture)
    {
        (Window window, IPromptedModel model) = (picture.Window, picture.Model);
        if (window.Pass == 0)
            model.FeedPrompt();
        else if (window.InputSteps() is { IsEmpty: false } steps)
            model.FeedNoisy(window.InputIds(), window.Nodes, steps, picture.Randomness);
        else
            model.Feed(window.InputIds(), window.Nodes, window.InputParents());
    }

    private void ToProbabilities(Logits logits, Window window) => ParallelRows.Shared.Run(
        window.Nodes,
        layout.Codes,
        new Prediction(logits, window, _chain),
        static (in Prediction prediction, int node) => prediction.Apply(node));

    /// <summary>What a pass says of a window: a view of the model's memory and of the window's.</summary>
    private readonly ref struct Prediction(Logits logits, Window window, ProbabilityChain chain)
    {
        private readonly Logits _logits = logits;

        public void Apply(int node)
        {
            Span<float> p = window.PredictionRow(node);
            if (window.Layout.IsForced(window.PositionOf(node) + 1))
                Distribution.PointMass(p, code: 0);
            else
                chain.Apply(_logits.Conditional(node), _logits.Unconditional(node), p);
        }
    }
}
