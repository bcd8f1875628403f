namespace SjdOnnx.Runtime.Decoding;

/// <summary>Draws one picture, on the thread it is called on.</summary>
/// <param name="events">Told of progress, and of previews if <paramref name="previews"/>.</param>
internal sealed class Generation(
    LoadedModel model, PassCostTables costs, ResolvedRequest request, TimeSpan load, Action<GenerationEvent>? events, bool previews,
    CancellationToken cancellation)
{
    private readonly Batch _batch = new(model, costs, request, size: 1, cancellation);
    private int _previewedRows;

    public GeneratedImage Run()
    {
        _batch.Add(index: 0, request);
        Drawing? complete = null;
        while (complete is null)
        {
            _batch.Advance();
            if (events is not null)
                Tell(_batch.Drawings[0], events);
            complete = _batch.TakeComplete();
        }

        return complete.Finish(model, load, cancellation);
    }

    private void Tell(Drawing drawing, Action<GenerationEvent> events)
    {
        int passes = drawing.Picture.Window.ForwardPasses;
        events(new GenerationProgress(drawing.Tokens, request.Layout.ImageTokens, passes, drawing.Elapsed));

        int rows = drawing.Tokens / request.Layout.Columns;
        if (previews && request.PreviewEveryRows > 0 && !drawing.Picture.IsComplete && rows >= _previewedRows + request.PreviewEveryRows)
            Preview(drawing, rows, events);
    }

    private void Preview(Drawing drawing, int rows, Action<GenerationEvent> events)
    {
        var codes = new int[request.Layout.ImageTokens];
        drawing.Picture.Window.CopyCommittedCodes(codes);
        DecodedImage image = model.ImageDecoder.Preview(codes, rows, request.Layout, cancellation);
        int finished = image.Height / request.Layout.Rows * rows;
        events(new GenerationPreview(image.Width, image.Height, finished, image.Rgb));
        _previewedRows = rows;
    }
}
