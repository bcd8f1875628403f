using SjdOnnx.Sampling;

namespace SjdOnnx.Decoding;

/// <summary>Decodes a picture, settling several tokens per forward pass where the method can.</summary>
/// <remarks>
/// The loop of Teng et al., "Accelerating Auto-regressive Text-to-Image Generation with Training-free Speculative Jacobi
/// Decoding", ICLR 2025, arXiv:2410.01699. Autoregressive decoding is the case of an empty draft.
/// </remarks>
public sealed class Decoder(TokenLayout layout, IDecodingMethod method, SamplingOptions sampling)
{
    private readonly ProbabilityChain _chain = new(sampling);

    /// <summary>Decodes one picture.</summary>
    /// <param name="model">Holds the prompt; its cache is this picture's until the method returns.</param>
    /// <param name="randomness">All the chance there is: the same seed and image give the same picture.</param>
    /// <param name="observer">Called after every pass, the prefill included, with the window as the next pass will see it.</param>
    /// <param name="cancellationToken">Looked at before every pass and handed to the model.</param>
    /// <exception cref="ArgumentException">The model's codebook is not the layout's.</exception>
    /// <exception cref="InvalidOperationException">The model's logits are no numbers.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public Decoded Decode(
        IPromptedModel model, Randomness randomness, Action<Window>? observer = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (model.Codes != layout.Codes)
            throw new ArgumentException($"The model has {model.Codes} image codes, the token layout {layout.Codes}.", nameof(model));

        var window = new Window(layout, method.WindowSize);
        while (!window.IsComplete)
        {
            cancellationToken.ThrowIfCancellationRequested();
            PassRandom random = randomness.At(window.Pass);

            // 1. Predict: one forward pass over the committed tokens the cache lacks and every draft after them.
            Logits logits = window.Pass == 0
                ? model.Prefill(cancellationToken)
                : model.Forward(window.InputIds(), window.Drafts + 1, cancellationToken);
            ToProbabilities(logits, window);

            // 2. Verify: which drafts does the model stand by, and what does it say next?
            Verdict verdict = method.Verify(window, random);

            // 3. Commit those, and the structure that must follow; the cache forgets the drafts that fell.
            window.Commit(verdict);
            model.Truncate(window.Cached);

            // 4. Redraft the positions still open: the Jacobi iteration.
            method.Redraft(window, random);
            observer?.Invoke(window);
        }

        var codes = new int[layout.ImageTokens];
        window.CopyCommittedCodes(codes);
        return new Decoded(codes, window.ToIds(), window.ForwardPasses, window.AcceptedHistogram.ToArray());
    }

    private void ToProbabilities(Logits logits, Window window)
    {
        for (int position = window.Start; position <= window.End; position++)
        {
            int row = position - window.Start;
            Span<float> p = window.PredictionRow(position);
            if (layout.IsForced(position))
                Distribution.PointMass(p, code: 0);
            else
                _chain.Apply(logits.Conditional(row), logits.Unconditional(row), p);
        }
    }
}
