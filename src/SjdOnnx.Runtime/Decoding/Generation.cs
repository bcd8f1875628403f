using System.Diagnostics;
using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>Draws one picture, on the thread it is called on.</summary>
/// <param name="events">Told of progress, and of previews if <paramref name="previews"/>.</param>
internal sealed class Generation(
    LoadedModel model, ResolvedRequest request, TimeSpan load, Action<GenerationEvent>? events, bool previews,
    CancellationToken cancellation)
{
    private readonly Stopwatch _elapsed = Stopwatch.StartNew();
    private TimeSpan _prefilled;
    private TimeSpan _runBeforeDecode;
    private TimeSpan _previewing;
    private int _previewedRows;

    public GeneratedImage Run()
    {
        Prompt prompt = model.Tokenizer.Read(request.Settings.Prompt, cancellation);
        PromptedTransformer prompted = model.Transformer.With(prompt, request.Layout, request.Method.WindowSize);
        var decoder = new Decoder(request.Layout, request.Method, request.Sampling);
        Decoded decoded = decoder.Decode(prompted, new Randomness(request.Settings.Seed), Observe, cancellation);
        TimeSpan decodedAt = _elapsed.Elapsed;

        DecodedImage image = model.ImageDecoder.Decode([.. decoded.Codes], request.Layout, cancellation);
        return new GeneratedImage
        {
            Width = image.Width,
            Height = image.Height,
            Rgb = image.Rgb,
            Png = image.Png,
            TokenIds = decoded.Ids,
            ImageTokens = request.Layout.ImageTokens,
            ForwardPasses = decoded.ForwardPasses,
            AcceptedHistogram = decoded.AcceptedHistogram,
            Seconds = new GenerationTimings(
                Load: load.TotalSeconds,
                Prefill: _prefilled.TotalSeconds,
                Decode: (decodedAt - _prefilled - _previewing).TotalSeconds,
                Image: (_elapsed.Elapsed - decodedAt).TotalSeconds,
                Run: (model.Transformer.Session.TimeInRun - _runBeforeDecode).TotalSeconds),
            Settings = request.Settings,
        };
    }

    private void Observe(Window window)
    {
        if (window.ForwardPasses == 0)
            (_prefilled, _runBeforeDecode) = (_elapsed.Elapsed, model.Transformer.Session.TimeInRun);
        if (events is null)
            return;

        int total = request.Layout.ImageTokens;
        int tokens = window.IsComplete ? total : request.Layout.CodeIndex(window.Start)!.Value;
        events(new GenerationProgress(tokens, total, window.ForwardPasses, _elapsed.Elapsed));

        int rows = tokens / request.Layout.Columns;
        if (previews && request.PreviewEveryRows > 0 && !window.IsComplete && rows >= _previewedRows + request.PreviewEveryRows)
            Preview(window, rows, events);
    }

    private void Preview(Window window, int rows, Action<GenerationEvent> events)
    {
        TimeSpan start = _elapsed.Elapsed;
        var codes = new int[request.Layout.ImageTokens];
        window.CopyCommittedCodes(codes);
        DecodedImage image = model.ImageDecoder.Preview(codes, rows, request.Layout, cancellation);
        int finished = image.Height / request.Layout.Rows * rows;
        events(new GenerationPreview(image.Width, image.Height, finished, image.Rgb, image.Png));
        _previewedRows = rows;
        _previewing += _elapsed.Elapsed - start;
    }
}
