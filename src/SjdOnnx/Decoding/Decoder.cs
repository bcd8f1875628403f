using SjdOnnx.Sampling;

namespace SjdOnnx.Decoding;

/// <summary>Decodes images and settles several tokens in each forward pass, where the method can.</summary>
/// <remarks>
/// The loop of Teng et al., "Accelerating Auto-regressive Text-to-Image Generation with Training-free Speculative Jacobi
/// Decoding", ICLR 2025, arXiv:2410.01699. Autoregressive decoding is the case without drafts.
/// </remarks>
/// <param name="layout">The image's tokens.</param>
/// <param name="method">Which drafts to accept, and what to guess next.</param>
/// <param name="sampling">How logits become probabilities.</param>
/// <param name="windows">How many drafts each pass carries.</param>
/// <param name="initialization">The first guess at a fresh slot; null for <see cref="Initialization.Uniform"/>.</param>
public sealed class Decoder(
    TokenLayout layout, IDecodingMethod method, SamplingOptions sampling, IWindowPolicy windows, Initialization? initialization = null)
{
    private readonly IDecodingMethod _method = method;
    private readonly ITreeMethod? _tree = method as ITreeMethod;
    private readonly IWindowPolicy _windows = windows;
    private readonly Initialization _initialization = initialization ?? Initialization.Uniform;
    private readonly ProbabilityChain _chain = new(sampling);

    /// <summary>A sequence without any token.</summary>
    /// <param name="model">Holds the prompt. Its cache belongs to this sequence until the sequence is complete.</param>
    /// <param name="randomness">The image's only source of randomness: the same seed and image give the same tokens.</param>
    /// <exception cref="ArgumentException">
    /// The model's codebook is not the layout's, or the model cannot read the method's noise.
    /// </exception>
    public Sequence Begin(IPromptedModel model, Randomness randomness)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (model.Codes != layout.Codes)
            throw new ArgumentException($"The model has {model.Codes} image codes, the token layout {layout.Codes}.", nameof(model));
        if (_method is IDenoisingMethod && model is not INoisyModel)
            throw new ArgumentException($"The method {_method.Descriptor} needs a model that reads noise.", nameof(model));

        int drafts = _method.Descriptor.HasDrafts ? _windows.MaxDrafts : 0;
        var window = new Window(layout, drafts, _tree?.MaxBranches(drafts) ?? 0);
        return new Sequence(this, model, randomness, window);
    }

    /// <summary>
    /// Runs one forward pass for all sequences. Each commits at least one token, and they commit different numbers of tokens. Their
    /// decoders may differ.
    /// </summary>
    /// <param name="forward">The transformer that the sequences' models share.</param>
    /// <param name="sequences">Sequences that are not complete.</param>
    /// <param name="failed">
    /// Called when a sequence cannot go on, because its logits are not finite or its method throws; the others do. Null throws the
    /// exception.
    /// </param>
    /// <param name="cancellationToken">Checked before the pass and handed to the model.</param>
    /// <exception cref="NotFiniteNumberException">The model's logits are not finite numbers.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public static void Advance(
        IForwardPass forward, IReadOnlyList<Sequence> sequences, Action<Sequence, Exception>? failed = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(forward);
        ArgumentNullException.ThrowIfNull(sequences);
        cancellationToken.ThrowIfCancellationRequested();

        // 1. Predict: one forward pass over the committed tokens the caches lack and every draft after them.
        for (int i = 0; i < sequences.Count; i++)
            Feed(sequences[i]);
        forward.Run(cancellationToken);

        for (int i = 0; i < sequences.Count; i++)
        {
            try
            {
                sequences[i].Decoder.Settle(sequences[i]);
            }
            catch (Exception error) when (failed is not null)
            {
                failed(sequences[i], error);
            }
        }
    }

    /// <summary>Decodes one image.</summary>
    /// <param name="model">Holds the prompt, and runs the passes.</param>
    /// <param name="randomness">The image's only source of randomness: the same seed and image give the same tokens.</param>
    /// <param name="observer">Called after every pass, the prefill included, with the window as the next pass will see it.</param>
    /// <param name="cancellationToken">Checked before every pass and handed to the model.</param>
    /// <exception cref="ArgumentException">
    /// The model's codebook is not the layout's, or the model cannot read the method's noise.
    /// </exception>
    /// <exception cref="NotFiniteNumberException">The model's logits are not finite numbers.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public DecodedSequence Decode<TModel>(
        TModel model, Randomness randomness, Action<Window>? observer = null, CancellationToken cancellationToken = default)
        where TModel : IPromptedModel, IForwardPass
    {
        Sequence sequence = Begin(model, randomness);
        Sequence[] sequences = [sequence];
        while (!sequence.IsComplete)
        {
            Advance(model, sequences, cancellationToken: cancellationToken);
            observer?.Invoke(sequence.Window);
        }

        return sequence.ToDecoded();
    }

    private void Settle(Sequence sequence)
    {
        (Window window, IPromptedModel model) = (sequence.Window, sequence.Model);
        PassRandom random = sequence.Randomness.At(window.Pass);
        ToProbabilities(model.Logits, window);

        // 2. Verify: which drafts does the model stand by, and what does it say next?
        Verdict verdict = _method.Verify(window, random);

        // 3. Commit those, and the structure that must follow; the cache forgets the drafts that fell.
        window.Commit(verdict);
        window.Open(_windows.NextDrafts(window));
        model.Truncate(window.Cached);

        // 4. Redraft the positions still open: the Jacobi iteration. Fresh ones get a first guess.
        _method.Redraft(window, random);
        _initialization.FillFresh(window, random);
        _tree?.Branch(window, random);
    }

    private static void Feed(Sequence sequence)
    {
        (Window window, IPromptedModel model) = (sequence.Window, sequence.Model);
        if (window.Pass == 0)
            model.FeedPrompt();
        else if (window.Input.Steps() is { IsEmpty: false } steps)
            ((INoisyModel)model).FeedNoisy(window.Input.Ids(), window.Nodes, steps, sequence.Randomness);
        else
            model.Feed(window.Input.Ids(), window.Nodes, window.Input.Parents());
    }

    private void ToProbabilities(Logits logits, Window window) => ParallelRows.Shared.Run(
        window.Nodes,
        layout.Codes,
        new Prediction(logits, window, _chain),
        static (in Prediction prediction, int node) => prediction.Apply(node));

    /// <summary>A pass's logits and the window that they are about: a view of the model's memory and of the window's.</summary>
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
