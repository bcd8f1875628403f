using System.Diagnostics;
using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>
/// Pictures that share forward passes. Each has its own prompt, seed and place in the picture; one that is complete leaves, and another
/// may come in its place while the others go on.
/// </summary>
internal sealed class Batch
{
    private readonly LoadedModel _model;
    private readonly CancellationToken _cancellation;
    private readonly ResolvedRequest _common;
    private readonly Decoder _decoder;
    private readonly List<Drawing> _drawings = []; // by slot
    private readonly List<Picture> _pictures = []; // those of the drawings

    /// <summary>Opens what passes of so many pictures need, and measures what they cost if that has to be known and is not.</summary>
    /// <param name="common">A request with the settings of all.</param>
    /// <param name="size">The most pictures wanted at once; there may be a graph for fewer only.</param>
    public Batch(LoadedModel model, PassCostTables costs, ResolvedRequest common, int size, CancellationToken cancellation)
    {
        (_model, _common, _cancellation) = (model, common, cancellation);
        bool tree = common.Method.Branches > 0;
        if (tree)
            model.Transformer.OpenTree();
        Size = model.Transformer.Open(tree ? 1 : size);
        AutoWindow? auto = common.ChoosesWindow ? new AutoWindow(costs.For(common.Method, Size, cancellation)) : null;
        _decoder = new Decoder(common.Layout, common.Method, common.Sampling, auto, common.Sequential);
    }

    /// <summary>The most pictures at once.</summary>
    public int Size { get; }

    /// <summary>Image tokens of each picture.</summary>
    public int TokensPerPicture => _common.Layout.ImageTokens;

    /// <summary>Pictures under way.</summary>
    public IReadOnlyList<Drawing> Drawings => _drawings;

    /// <summary>
    /// Whether a token that comes alone is read in a pair, so that rounding does not depend on the number of drafts. A method that promises the
    /// same picture whatever the window needs it, ar among them. Measured on the built-in model, 100 pictures, exact against ar:
    /// without pairs 98 differ at int8 and none at fp32, with pairs none; ar pays 10 to 30 % for it.
    /// </summary>
    public static bool ReadsInPairs(IDecodingMethod method) => method.IsSeedExact;

    /// <summary>Lets a picture in: reads its prompt's words; the next pass reads its tokens.</summary>
    /// <param name="index">The number of the request, from 0.</param>
    /// <exception cref="RequestException">The model cannot read the prompt.</exception>
    public void Add(int index, ResolvedRequest request)
    {
        long began = Stopwatch.GetTimestamp();
        int slot = 0;
        while (slot < _drawings.Count && _drawings[slot].Slot == slot)
            slot++;

        Prompt prompt = _model.Prompts.Read(request.Settings, request.Layout, _cancellation);
        PromptedTransformer prompted = _model.Transformer.With(
            prompt, _common.Layout, _common.Method.WindowSize, _common.Method.Branches, _common.Method.DenoisingSteps, slot,
            ReadsInPairs(_common.Method));
        Picture picture = _decoder.Begin(prompted, new Randomness(request.Settings.Seed));
        _drawings.Insert(slot, new Drawing(request, index, picture, slot, began));
        _pictures.Insert(slot, picture);
    }

    /// <summary>One forward pass. Each picture is charged an equal share of its time.</summary>
    public void Advance()
    {
        long start = Stopwatch.GetTimestamp();
        TimeSpan before = _model.Transformer.TimeInRun;
        _decoder.Advance(_model.Transformer, _pictures, _cancellation);
        TimeSpan run = (_model.Transformer.TimeInRun - before) / _pictures.Count;
        TimeSpan pass = Stopwatch.GetElapsedTime(start) / _pictures.Count;
        foreach (Drawing drawing in _drawings)
            drawing.Spend(pass, run);
    }

    /// <summary>Lets a complete picture out; null if there is none.</summary>
    public Drawing? TakeComplete()
    {
        int at = _drawings.FindIndex(static drawing => drawing.Picture.IsComplete);
        if (at < 0)
            return null;
        Drawing complete = _drawings[at];
        _drawings.RemoveAt(at);
        _pictures.RemoveAt(at);
        return complete;
    }
}
