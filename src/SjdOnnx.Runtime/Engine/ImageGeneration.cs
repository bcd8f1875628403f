using System.Diagnostics;
using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Prompts;
using SjdOnnx.Runtime.Transformers;
using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime.Engine;

/// <summary>An image while it is drawn: its sequence, and where its time goes.</summary>
internal sealed class ImageGeneration
{
    private readonly LoadedModel _model;
    private readonly ResolvedRequest _request;
    private readonly long _began = Stopwatch.GetTimestamp();
    private readonly List<PassTrace>? _trace;
    private TimeSpan _prefill;
    private TimeSpan _decode;
    private TimeSpan _run;
    private int _previewedRows;

    /// <summary>Begins an image; the first pass reads its prompt.</summary>
    /// <param name="windows">How many drafts each pass carries.</param>
    /// <param name="place">A place without another image, from 0.</param>
    /// <exception cref="InferenceException">The text encoder failed.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public ImageGeneration(LoadedModel model, ResolvedRequest request, IWindowPolicy windows, int place, CancellationToken cancellation)
    {
        (_model, _request, Place) = (model, request, place);
        _trace = request.Trace ? [] : null;
        var decoder = new Decoder(request.Layout, request.Method, request.Sampling, windows, request.Settings.Initialization);
        Prompt prompt = model.Prompts.Encode(request.Prompt!, cancellation);
        PromptedTransformer prompted = PromptedTransformer.For(
            request.Method, model.Transformer, prompt, request.Layout, windows.MaxDrafts, place);
        Sequence = decoder.Begin(prompted, new Randomness(request.Settings.Seed));
        _prefill = Elapsed;
    }

    public Sequence Sequence { get; }

    /// <summary>Which of the images that are drawn together, from 0.</summary>
    public int Place { get; }

    public bool IsComplete => Sequence.IsComplete;

    /// <summary>Forward passes so far, not counting the prefill.</summary>
    public int ForwardPasses => Sequence.Window.Statistics.ForwardPasses;

    public GenerationProgress Progress => new(Tokens, _request.Layout.ImageTokens, ForwardPasses, Elapsed);

    private int Tokens => Sequence.Window.CommittedCodes;

    private TimeSpan Elapsed => Stopwatch.GetElapsedTime(_began);

    /// <summary>Adds this image's share of the pass that has just ended.</summary>
    /// <param name="pass">The share of the whole pass.</param>
    /// <param name="run">The part of it that ONNX Runtime computed.</param>
    public void Spend(TimeSpan pass, TimeSpan run)
    {
        _trace?.Add(PassTrace.Of(Sequence.Window));
        if (ForwardPasses == 0)
        {
            _prefill += pass;
            return;
        }

        _decode += pass;
        _run += run;
    }

    /// <summary>A preview, if enough rows are finished since the last one; otherwise null.</summary>
    public GenerationPreview? TakePreview(CancellationToken cancellation)
    {
        int rows = Tokens / _request.Layout.Columns;
        if (_request.PreviewEveryRows == 0 || IsComplete || rows < _previewedRows + _request.PreviewEveryRows)
            return null;

        _previewedRows = rows;
        var codes = new int[_request.Layout.ImageTokens];
        Sequence.Window.CopyCommittedCodes(codes);
        RgbImage image = _model.ImageDecoder.Preview(codes, rows, _request.Layout, cancellation);
        return new GenerationPreview(image.Height / _request.Layout.Rows * rows, image);
    }

    /// <summary>The image of the complete sequence.</summary>
    /// <param name="load">How long loading the model took.</param>
    public GeneratedImage Finish(TimeSpan load, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        DecodedSequence decoded = Sequence.ToDecoded();
        RgbImage pixels = _model.ImageDecoder.Decode([.. decoded.Codes], _request.Layout, cancellation);
        return new GeneratedImage
        {
            Pixels = pixels,
            TokenIds = decoded.Ids,
            Codes = decoded.Codes,
            PromptTokens = _request.Prompt!.Conditional.Length,
            ForwardPasses = decoded.ForwardPasses,
            AcceptedHistogram = decoded.AcceptedHistogram,
            DraftsPerPass = decoded.DraftsPerPass,
            Trace = _trace,
            Timings = new GenerationTimings(load, _prefill, _decode, Stopwatch.GetElapsedTime(start), _run, Elapsed),
            Settings = _request.Settings,
            Model = _model.Description,
        };
    }
}
